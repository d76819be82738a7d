import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, clear, idOf, inS, plant, plantQueue, runFile, whileHeld } from '../support/rows.ts';

// How leases are kept and given back, and which attempts are closed.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const leasedBy = (worker: number) => ({
  ...{ leased_by: worker, lease_until: inS(3_600), attempts: 1 },
});
const attempt = (n: number, number: number, row: object = {}) => ({
  ...{ webhook_id: idOf(n), number, worker: 1 },
  ...row,
});

/** By the last digits of their ids. */
const queue = async (columns: string) =>
  await ask(
    database,
    `select right(webhook_id::text, 2)::integer as n, ${columns} from posthorn.queue order by 1`,
  );
const open = async () =>
  (
    await ask<{ a: string }>(
      database,
      `select right(webhook_id::text, 2)::integer || ' ' || number as a from posthorn.attempts
       where finished_at is null order by webhook_id, number`,
    )
  ).map(({ a }) => a);

describe('giving back', () => {
  it("undoes the attempt of what is still the worker's, and closes that of what has ended", async () => {
    await plantQueue(database, [
      { n: 1, ...leasedBy(1), attempts: 3 },
      { n: 2, ...leasedBy(1), attempts: 4 },
      { n: 3, ...leasedBy(2), attempts: 3 },
      { n: 5, ...leasedBy(1), attempts: 3 },
    ]);
    await plant(
      database,
      'attempts',
      [1, 2, 3, 4, 5].flatMap((n) => [attempt(n, 2), attempt(n, 3)]),
    );
    await plant(database, 'attempts', [attempt(6, 3, { finished_at: inS(-5), error: 'http_500' })]);
    await runFile(database, 'give-back', {
      webhookIds: [1, 2, 3, 4, 6].map(idOf),
      numbers: [3, 3, 3, 3, 3],
      workerNumber: 1,
    });
    expect(await queue('attempts, leased_by, lease_until is not null as is_leased')).toEqual([
      { n: 1, attempts: 2, leased_by: null, is_leased: false },
      { n: 2, attempts: 4, leased_by: 1, is_leased: true },
      { n: 3, attempts: 3, leased_by: 2, is_leased: true },
      { n: 5, attempts: 3, leased_by: 1, is_leased: true },
    ]);
    expect(await open()).toEqual(['1 2', '2 2', '3 2', '4 2', '5 2', '5 3']);
    expect(
      await ask(database, 'select distinct error from posthorn.attempts where error is not null'),
    ).toEqual(expect.arrayContaining([{ error: 'abandoned' }, { error: 'http_500' }]));
    expect(await ask(database, 'select from posthorn.attempts where number = 3')).toHaveLength(5);
  });

  it('frees the probe that it was, and no other', async () => {
    const breaker = { url: 'http://a.example/', state: 'open', probe_until: inS(60) };
    await plantQueue(
      database,
      [1, 2, 3].map((n) => ({ n, lane: n, ...leasedBy(1), attempts: 3 })),
    );
    await plant(database, 'breakers', [
      { ...breaker, key: 1, probe_webhook: idOf(1), probe_attempt: 3 },
      { ...breaker, key: 2, probe_webhook: idOf(2), probe_attempt: 2 },
      { ...breaker, key: 3, probe_webhook: idOf(9), probe_attempt: 3 },
    ]);
    await runFile(database, 'give-back', {
      webhookIds: [1, 2, 3].map(idOf),
      numbers: [3, 3, 3],
      workerNumber: 1,
    });
    expect(
      await ask(database, 'select key from posthorn.breakers where probe_until is null'),
    ).toEqual([{ key: '1' }]);
  });
});

it("leases are kept for a minute if they are the worker's and end within half of one", async () => {
  const soon = { ...leasedBy(1), lease_until: inS(5) };
  await plantQueue(database, [
    { n: 1, ...soon },
    { n: 2, ...soon, lease_until: inS(-5) },
    { n: 3, ...leasedBy(1), lease_until: inS(45) },
    { n: 4, ...soon, leased_by: 2 },
    { n: 5, ...soon, attempts: 2 },
    { n: 6, ...soon },
    { n: 7, ...soon },
  ]);
  const locked = await whileHeld(
    database,
    `select from posthorn.queue where webhook_id = '${idOf(6)}' for update`,
    (pool) =>
      runFile({ pool }, 'keep-leases', {
        webhookIds: [1, 2, 3, 4, 5, 6].map(idOf),
        numbers: Array(6).fill(1),
        workerNumbers: Array(6).fill(1),
      }),
  );
  expect(locked).toEqual([{ webhook_id: idOf(6) }]);
  expect(
    (await queue(`lease_until > now() + interval '50 seconds' as kept`)).filter(({ kept }) => kept),
  ).toMatchObject([{ n: 1 }, { n: 2 }]);
});

describe('attempts are closed', () => {
  const ended = { finished_at: inS(-600), error: 'http_500' };

  it('that were begun before the one that goes on', async () => {
    await plant(database, 'attempts', [
      ...[attempt(1, 1, ended), attempt(1, 2), attempt(1, 3)],
      ...[attempt(2, 1), attempt(2, 2), attempt(3, 1)],
    ]);
    await runFile(database, 'close-abandoned', { webhookIds: [1, 2].map(idOf), numbers: [3, 1] });
    expect(await open()).toEqual(['1 3', '2 1', '2 2', '3 1']);
    expect(
      await ask(database, `select from posthorn.attempts where error = 'http_500'`),
    ).toHaveLength(1);
  });

  it('whose webhook has ended', async () => {
    await plantQueue(database, [{ n: 2, ...leasedBy(1) }]);
    await plant(database, 'attempts', [
      ...[attempt(1, 1, ended), attempt(1, 2), attempt(2, 1), attempt(3, 1)],
    ]);
    await runFile(database, 'close-ended', { webhookIds: [1, 2].map(idOf) });
    expect(await open()).toEqual(['2 1', '3 1']);
    expect(
      await ask(database, `select from posthorn.attempts where error = 'http_500'`),
    ).toHaveLength(1);
  });

  it('that have been open for longer than the time, but not the one whose lease goes on', async () => {
    const old = { started_at: inS(-4_000) };
    await plantQueue(database, [
      { n: 1, ...leasedBy(1), attempts: 2 },
      { n: 2, ...leasedBy(1), lease_until: inS(-1) },
    ]);
    await plant(database, 'attempts', [
      ...[attempt(1, 1, old), attempt(1, 2, old), attempt(2, 1, old), attempt(3, 1, old)],
      ...[attempt(4, 1, { started_at: inS(-3_000) }), attempt(5, 1, { ...old, ...ended })],
    ]);
    const sweep = (from: string, most: number) =>
      runFile(database, 'close-forgotten', {
        fromId: from,
        maxAttempts: most,
        forgottenAfterS: 3_600,
      });
    expect(await sweep(idOf(3), 1)).toEqual([{ closed: 1, walked_to: idOf(3) }]);
    expect(await open()).toEqual(['1 1', '1 2', '2 1', '4 1']);
    expect(await sweep(idOf(0), 99)).toEqual([{ closed: 2, walked_to: null }]);
    expect(await open()).toEqual(['1 2', '4 1']);
    expect(
      await ask(database, `select from posthorn.attempts where error = 'http_500'`),
    ).toHaveLength(1);
  });
});
