import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { reservedHeaders } from '../../src/domain/reserved-headers.ts';
import { problemKinds } from '../../src/input/problems.ts';
import { sendFields } from '../../src/input/send-fields.ts';
import { createQueryPool } from '../../src/queries/pool.ts';
import { createTestDatabase } from '../support/database.ts';

const docs = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');

/** Without the marks of code, and with the quotes of "errors" as marks. */
function plain(text: string): string {
  return text.replaceAll(/[`"]/g, '');
}

describe('docs/api.md', () => {
  it('names every problem with its status, and no others', () => {
    const rows = [...docs.matchAll(/^\| `(\w+)` \| (\d{3}) \| /gm)].map(([, name, status]) => [
      name,
      Number(status),
    ]);
    expect(rows).toEqual(Object.entries(problemKinds).map(([name, kind]) => [name, kind.status]));
  });

  it.each(Object.entries(problemKinds))('says what to do about %s', (name, { whatToDo }) => {
    const row = docs.split('\n').find((line) => line.startsWith(`| \`${name}\` | `)) ?? '';
    const [sentence = ''] = plain(whatToDo).split(/(?<=\.) Codes that begin/);
    expect(plain(row)).toContain(sentence);
  });

  it('names every route at the beginning, with a link, and no others', async () => {
    const table = docs.slice(0, docs.indexOf('\n## '));
    const named = [...table.matchAll(/\[`([A-Z]+ \/\S*)`\]\(#/g)].map(([, route]) => route);
    expect(named.sort()).toEqual((await routes()).sort());
    expect(named).toContain('POST /webhooks/send');
  });

  it.each(Object.keys(sendFields.shape))('has a row for the field %s', (field) => {
    expect(docs).toMatch(new RegExp(`^\\| \`${field}\` \\| [^|]+ \\| `, 'm'));
  });

  it.each(reservedHeaders)('names the reserved header %s', (name) => {
    expect(docs).toContain(`\`${name}\``);
  });

  it('links to chapters that it has', () => {
    const anchors = [...docs.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const [, anchor] of docs.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
  });
});

/** What the app answers to, from the app itself. */
async function routes(): Promise<string[]> {
  const database = await createTestDatabase();
  const pool = await createQueryPool({ databaseUrl: database.url, maximumPoolSize: 1 });
  const nothing = () => {};
  const app = createApi({
    pool,
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    readiness: async () => ({ ready: true, checks: {} }),
    scrape: async () => ({ contentType: 'text/plain', text: '' }),
    settings: [],
    authentication: { auth: 'off', environmentKey: undefined, rateLimitPerS: undefined },
    cursorKey: Buffer.from('a key'),
  });
  await pool.end();
  await database.drop();
  return app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
}
