import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { canRun } from '../../harness/can-run.ts';
import { queryOf, sqlFile } from '../../src/db/sql-file.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// The head of each statement of the engine has a command that runs it in psql and undoes what it did.

const root = fileURLToPath(new URL('../../', import.meta.url));
const names = readdirSync(`${root}sql`).flatMap((file) =>
  file.endsWith('.sql') && file !== 'schema.sql' ? [file.slice(0, -'.sql'.length)] : [],
);
const hasPsql = canRun('psql', { why: 'the commands in the heads of sql/*.sql' });

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

it.each(names)('the command in the head of sql/%s.sql names its parameters', (name) => {
  expect(Object.keys(valuesIn(commandOf(name))).toSorted()).toEqual(
    sqlFile(name).parameters.toSorted(),
  );
});

it.each(names)('the values in the head of sql/%s.sql fit its parameters', async (name) => {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await expect(
      client.query(queryOf(sqlFile(name), valuesIn(commandOf(name)))),
    ).resolves.toBeDefined();
  } finally {
    await client.query('rollback');
    client.release();
  }
});

it.runIf(hasPsql).each(names)('the command in the head of sql/%s.sql runs as it is', (name) => {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', commandOf(name)], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, DATABASE_URL: database.url, PSQLRC: '/dev/null', PAGER: '' },
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^BEGIN\n[\s\S]+\nROLLBACK\n$/);
});

it('a probe reads all that a claim reads of its webhook, in the same way', () => {
  const read = (name: string) => {
    const [, columns, tables] =
      /\nselect\n( {2}c\.webhook_id,[\s\S]*?) *e\.retry_schedule_s[\s\S]*?\n(from .*claimed.* as c\n(?:left join .*\n)+)/.exec(
        `${readFileSync(`${root}sql/${name}.sql`, 'utf8')}\n`,
      ) ?? [];
    return {
      columns: columns?.replace(bodyOnce, "coalesce(o.body, '') as body"),
      tables: tables?.replace(/\(select \*, row_number.*\) as c/, 'claimed as c'),
    };
  };
  // A claim reads the body of an event once for all of its webhooks, and a probe sends one.
  const bodyOnce = /-- An event's body .*\n *case when .* as body/;
  expect(read('probe').columns).toContain('c.past_attempts');
  expect(read('probe')).toEqual(read('claim'));
});

/** The lines of the first comment from "psql" to the end of the paragraph, as one would copy them. */
function commandOf(name: string): string {
  const text = readFileSync(`${root}sql/${name}.sql`, 'utf8');
  const [, command = ''] = /^(?:--.*\n)*?-- (psql (?:.*\\\n)*.*)\n/.exec(text) ?? [];
  const first = `psql "$DATABASE_URL" -c begin -f sql/${name}.sql -c rollback`;
  expect(command.split(' \\\n')[0]).toBe(first);
  return command.replaceAll(/\n--/g, '\n');
}

/** What the command says with -v, by the names that the engine has for it. */
function valuesIn(command: string): Record<string, string> {
  return Object.fromEntries(
    [...command.matchAll(/ -v (\w+)=('[^']*'|\S+)/g)].map(([, name = '', value = '']) => [
      name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value.replaceAll("'", ''),
    ]),
  );
}
