import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { operations } from '../../src/client/operations.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { forFile } from '../support/world.ts';

// The code of docs/client.md is one program: it runs against a Posthorn.

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${root}docs/client.md`, 'utf8');
const database = forFile(createTestDatabase);
const posthorn = forFile(() => startEngine(database, { worker: false, api: true }));

it('docs/client.md has code that runs', async () => {
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
  const source = new URL('../../src/client/index.ts', import.meta.url).href;
  const program = blocks.join('\n').replace("'posthorn/client'", `'${source}'`);
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--input-type=module-typescript', '--eval', program],
    { cwd: root, env: { POSTHORN_URL: posthorn.address } },
  );
  expect(stderr).toBe('');
  expect(stdout).toMatch(
    /^1\n0 null\n[0-9a-f-]{36} pending null\n400 invalid_webhook \w+\n\/url .*\n$/,
  );
});

it('docs/client.md names methods that there are', () => {
  const verbs = new Set(Object.keys(operations).map((name) => /^[a-z]+/.exec(name)?.[0]));
  const named = [...page.matchAll(/`([a-z]+)([A-Z]\w+)`/g)].flatMap(([, verb = '', rest]) =>
    verbs.has(verb) && !rest?.endsWith('Ms') ? [verb + rest] : [],
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => name !== 'createClient' && !(name in operations))).toEqual([]);
});
