import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { createTestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { forEachTest, forFile } from './support/world.ts';

// Producers whose transactions are prepared before they are committed (XA, PREPARE TRANSACTION).

const database = forFile(createTestDatabase);
forFile(() => startEngine(database));
const receiver = forEachTest(startReceiver);
let isPossible: boolean;

beforeAll(async () => {
  const { rows } = await database.pool.query<{ most: string }>(
    `select current_setting('max_prepared_transactions') as most`,
  );
  isPossible = rows[0]?.most !== '0';
});

beforeEach((context) => {
  if (!isPossible) context.skip('max_prepared_transactions is 0');
});

/** Inserts in a transaction and prepares it; returns its name. */
async function prepare(path: string, { before = '', sendAt = 'null' } = {}): Promise<string> {
  const name = randomUUID();
  await usingClient(async (client) => {
    await client.query(`begin; ${before}`);
    await client.query(
      `insert into posthorn.outbox (url, body, send_at) values ($1, '{}', ${sendAt})`,
      [`${receiver.url}${path}`],
    );
    await client.query(`prepare transaction '${name}'`).catch(async (error: unknown) => {
      await client.query('rollback');
      throw error;
    });
  });
  return name;
}

async function usingClient(work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
  const client = await database.pool.connect();
  try {
    await work(client);
  } finally {
    client.release();
  }
}

describe('a webhook of a prepared transaction', () => {
  it.each([
    ['with posthorn.notify off', { before: 'set local posthorn.notify = off' }],
    ['with a send_at that is a moment away', { sendAt: `now() + interval '1 ms'` }],
  ])('is sent when it is committed, and not before, %s', async (_how, options) => {
    const undone = await prepare('/undone', options);
    const name = await prepare('/done', options);
    // Others are sent meanwhile, by several looks at the queue.
    for (let nth = 1; nth <= 3; nth += 1) {
      await database.pool.query(`insert into posthorn.outbox (url, body) values ($1, '{}')`, [
        `${receiver.url}/other`,
      ]);
      await receiver.until((requests) => requests.length === nth);
    }
    await database.pool.query(`rollback prepared '${undone}'`);
    await database.pool.query(`commit prepared '${name}'`);
    await receiver.until((requests) => requests.length === 4);
    expect(receiver.requests.map(({ path }) => path)).toEqual([
      '/other',
      '/other',
      '/other',
      '/done',
    ]);
  });

  it('cannot be prepared once it has called the workers, as the docs say', async () => {
    await expect(prepare('/refused')).rejects.toThrow(
      'cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY',
    );
  });
});
