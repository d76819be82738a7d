import { createPool, type DatabasePool } from 'slonik';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { enqueueWithSlonik } from '../../src/outbox/enqueue-with-slonik.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

const url = 'https://example.com/hooks';

const database = forFile(createTestDatabase);
let pool: DatabasePool;

beforeAll(async () => {
  // As an app has it: nothing of Posthorn's settings.
  pool = await createPool(database.url);
});

afterAll(() => pool.end());

async function bodies(): Promise<string[]> {
  const { rows } = await database.pool.query<{ body: string }>(
    'select body from posthorn.outbox order by id',
  );
  return rows.map(({ body }) => body);
}

it('enqueues in the transaction: rolled back, nothing is left; nested and rolled back, nothing of its own', async () => {
  await expect(
    pool.transaction(async (transaction) => {
      await enqueueWithSlonik(transaction, { url, body: 'rolled back' });
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  await pool.transaction(async (transaction) => {
    await enqueueWithSlonik(transaction, { url, body: 'committed' });
    await transaction
      .transaction(async (nested) => {
        await enqueueWithSlonik(nested, { url, body: 'nested' });
        throw new Error('no');
      })
      .catch(() => {});
  });
  expect(await bodies()).toEqual(['committed']);
});

it('gives the same id for the same idempotency key', async () => {
  const webhook = {
    url,
    body: { exact: '𝄞' },
    headers: { 'X-A': 'b' },
    sendAt: new Date(),
    maxAttempts: 2,
    idempotencyKey: 'same',
  } as const;
  const first = await enqueueWithSlonik(pool, webhook);
  const others = await Promise.all(
    Array.from({ length: 5 }, () => pool.transaction((t) => enqueueWithSlonik(t, webhook))),
  );
  expect(new Set(others)).toEqual(new Set([first]));
  expect(await bodies()).toEqual(['committed', '{"exact":"𝄞"}']);
});

it('refuses what could not arrive as it is, before the database is asked', async () => {
  await expect(enqueueWithSlonik(pool, { url, body: '\ud800' })).rejects.toThrow(TypeError);
});

it('passes on which rule is broken', async () => {
  await expect(
    enqueueWithSlonik(pool, { url, body: '1', headers: { Host: 'x' } }),
  ).rejects.toMatchObject({ constraint: 'outbox_headers_names_are_not_reserved' });
});
