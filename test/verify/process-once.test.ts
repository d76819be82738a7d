import { readFileSync } from 'node:fs';
import vm from 'node:vm';
import type pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { processOnce, receivedWebhooksTable, type Transaction } from '../../src/verify/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { libraries } from '../support/libraries.ts';
import { forFile } from '../support/world.ts';

const database = forFile(createTestDatabase);

beforeAll(async () => {
  await database.pool.query(receivedWebhooksTable);
  await database.pool.query('create table done (id text)');
});

const page = readFileSync(new URL('../../docs/receiving.md', import.meta.url), 'utf8');

it('has the table that the documentation has', () => {
  expect(page).toContain(receivedWebhooksTable);
});

it('works as the documentation has it', async () => {
  await database.pool.query(`create table orders (id int, state text)`);
  await database.pool.query(`insert into orders values (1, 'new')`);
  const [, code = ''] = /^```ts\nimport \{ processOnce \} .*\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const webhook = { id: 'documented', payload: { order: 1 } };
  const said: unknown[] = [];
  const run = () =>
    vm.runInNewContext(`(async () => { ${code} })()`, {
      ...{ processOnce, webhook, pool: database.pool },
      console: { log: (...words: unknown[]) => said.push(words) },
    });
  await run();
  await run();
  expect(said).toEqual([
    ['done', 'documented'],
    ['seen before', 'documented'],
  ]);
  const { rows } = await database.pool.query('select state from orders');
  expect(rows).toEqual([{ state: 'paid' }]);
});

describe('work for a webhook', () => {
  it('is done once, with its result', async () => {
    expect(await committed('a')).toEqual({ isDuplicate: false, result: 'done a' });
    expect(await committed('a')).toEqual({ isDuplicate: true });
    expect(await doneOf('a')).toBe(1);
  });

  it('is done again when its transaction was rolled back', async () => {
    const failing = inTransaction((client) =>
      processOnce(client, 'b', async () => {
        await client.query(`insert into done values ('b')`);
        throw new Error('no');
      }),
    );
    await expect(failing).rejects.toThrow('no');
    expect(await doneOf('b')).toBe(0);
    expect(await committed('b')).toEqual({ isDuplicate: false, result: 'done b' });
    expect(await doneOf('b')).toBe(1);
  });

  it.each([
    ['commits', 1, true],
    ['rolls back', 1, false],
  ] as const)(
    'waits while another transaction has the same id, which %s',
    async (how, times, isDuplicate) => {
      const name = `c ${how}`;
      const first = await database.pool.connect();
      await first.query('begin');
      await work(first, name);
      const second = committed(name);
      await eventually(async () => {
        const { rows } = await database.pool.query(
          `select from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert into received%'`,
        );
        return rows.length > 0;
      }, 'the second one waits');
      await first.query(how === 'commits' ? 'commit' : 'rollback');
      first.release();
      expect((await second).isDuplicate).toBe(isDuplicate);
      expect(await doneOf(name)).toBe(times);
    },
  );

  it('is refused outside a transaction, and nothing is recorded', async () => {
    let isDone = false;
    const processing = processOnce(database.pool, 'd', () => {
      isDone = true;
    });
    await expect(processing).rejects.toThrow(/needs an open transaction/);
    expect(isDone).toBe(false);
    expect((await committed('d')).isDuplicate).toBe(false);
  });

  it('is recorded in another table if that is asked for', async () => {
    await database.pool.query(`create schema app`);
    await database.pool.query(
      receivedWebhooksTable.replace('received_webhooks', 'app.seen_webhooks'),
    );
    const options = { table: 'app.seen_webhooks' };
    const once = () => inTransaction((client) => processOnce(client, 'a', () => 1, options));
    expect(await once()).toEqual({ isDuplicate: false, result: 1 });
    expect(await once()).toEqual({ isDuplicate: true });
    const strange = { table: 'a; drop table done' };
    await expect(processOnce(database.pool, 'a', () => 1, strange)).rejects.toThrow(
      /table must be/,
    );
  });

  it('needs an id', async () => {
    await expect(processOnce(database.pool, '', () => 1)).rejects.toThrow(/webhook-id/);
  });
});

it.each(Object.entries(libraries))('takes a transaction of %s', async (name, open) => {
  await using library = await open(database.url);
  const once = () => library.transaction((tx) => processOnce(tx, `by ${name}`, () => 1));
  expect(await once()).toEqual({ isDuplicate: false, result: 1 });
  expect(await once()).toEqual({ isDuplicate: true });
});

it.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /processOnce\(\) needs a transaction, but got undefined/],
  ['an object of something else', new Map(), /an instance of Map/],
  ['what gives no rows', { query: async () => 1 }, /resolves to rows/],
])('what is no transaction is refused: %s', async (_, tx, message) => {
  await expect(processOnce(tx as Transaction, 'x', () => 1)).rejects.toThrow(message);
});

function work(client: pg.PoolClient, id: string) {
  return processOnce(client, id, async () => {
    await client.query('insert into done values ($1)', [id]);
    return `done ${id}`;
  });
}

function committed(id: string) {
  return inTransaction((client) => work(client, id));
}

async function inTransaction<Result>(
  run: (client: pg.PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    const result = await run(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

async function doneOf(id: string): Promise<number> {
  const { rows } = await database.pool.query('select from done where id = $1', [id]);
  return rows.length;
}
