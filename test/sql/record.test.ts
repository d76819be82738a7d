import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { rulesPayload, wakeChannel } from '../../src/db/names.ts';
import { settleLate } from '../../src/deliver/late-results.ts';
import { claimByHand, lateResult, recordResult, type TestResult } from '../support/claimed.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { eventually } from '../support/eventually.ts';

// What one run of record.sql leaves behind. In between two statements another worker could claim.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => database.empty());

it.each([
  { whose: 'nobody has', leasedBy: null, leaseS: null },
  { whose: 'another worker has', leasedBy: 2, leaseS: 60 },
])(
  'a webhook that was delivered ends though $whose the lease now',
  async ({ leasedBy, leaseS }) => {
    const id = await attempted({ leasedBy, leaseS });
    expect(await recordAs('delivered', { id, statusCode: 200 })).toEqual([id]);
    expect(await ended(id)).toEqual({ status: 'delivered', waits: false });
  },
);

it('a late 2xx from before a webhook was put back ends it, unless it had been delivered then as well', async () => {
  for (const [before, status] of [
    ['failed', 'delivered'],
    ['delivered', null],
  ]) {
    const id = await attempted({ leasedBy: 2, leaseS: 60 });
    await database.pool.query('update posthorn.queue set past_attempts = 1 where webhook_id = $1', [
      id,
    ]);
    await database.pool.query(
      `insert into posthorn.former_outcomes (webhook_id, outbox_id, lane, finished_at, status, attempts)
       values ($1, $1, 1, now(), $2, 1)`,
      [id, before],
    );
    expect(await recordAs('delivered', { id, statusCode: 200 })).toEqual(
      status === null ? [] : [id],
    );
    expect(await ended(id)).toEqual({ status, waits: status === null });
  }
});

it('a late 2xx makes a failure a delivery, unless it is from before a delivery after which the webhook was sent again', async () => {
  for (const [number, status] of [
    [1, 'failed'],
    [2, 'failed'],
    [3, 'delivered'],
  ] as const) {
    const id = await attempted({ leasedBy: null, leaseS: null });
    // Delivered by the second attempt, sent again by force, failed with the fourth.
    await database.pool.query(
      `insert into posthorn.former_outcomes (webhook_id, outbox_id, lane, finished_at, status, attempts)
       values ($1, $1, 1, now(), 'delivered', 2)`,
      [id],
    );
    await database.pool.query(
      `with ended as (delete from posthorn.queue where webhook_id = $1 returning *)
       insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
       select webhook_id, outbox_id, lane, 'failed', 4 from ended`,
      [id],
    );
    await settleLate(database.pool, [lateResult({ id, number, became: 'delivered' })], []);
    expect(await ended(id)).toEqual({ status, waits: false });
  }
});

it.each(['retry', 'failed'] as const)(
  'a webhook whose lease somebody else has is left alone by a late %s',
  async (became) => {
    const id = await attempted({ leasedBy: 2, leaseS: 60 });
    expect(await recordAs(became, { id, statusCode: 410 })).toEqual([]);
    expect(await ended(id)).toEqual({ status: null, waits: true });
  },
);

it('a result that is recorded again, as only the answer was lost, keeps the time at which it ended', async () => {
  const id = await attempted({ leasedBy: 1, leaseS: 60 });
  await database.pool.query('update posthorn.queue set attempts = 1');
  await recordAs('retry', { id, statusCode: 500 });
  const ends = 'select finished_at from posthorn.attempts';
  const { rows: before } = await database.pool.query(ends);
  await recordAs('retry', { id, statusCode: 500 });
  expect((await database.pool.query(ends)).rows).toEqual(before);
});

it('a late 2xx of the first of an ordered endpoint frees it, and its owner is told', async () => {
  const endpoint = await registerEndpoint(database, { url: 'http://a.example/', ordered: true });
  await endpoint.enqueue(2);
  const { rows } = await database.pool.query<{ webhook_id: string; lane: string }>(
    'select webhook_id, lane::text from posthorn.queue order by due_at, webhook_id',
  );
  const { webhook_id: id = '', lane = '' } = rows[0] ?? {};
  await claimByHand(database, { id });
  // Worker 1 was taken for dead, and worker 2 was answered with an error.
  await claimByHand(database, { id, number: 2, worker: 2 });
  await recordResult(database.pool, {
    ...{ id, lane, number: 2, worker: 2 },
    became: 'retry',
    retryInS: 3_600,
  });
  expect((await endpoint.row())['retry_at']).not.toBeNull();
  const listener = await database.pool.connect();
  const told: (string | undefined)[] = [];
  listener.on('notification', ({ payload }) => told.push(payload));
  await listener.query(`listen ${wakeChannel}`);
  expect(await recordResult(database.pool, { id, became: 'delivered' })).toEqual([id]);
  expect((await endpoint.row())['retry_at']).toBeNull();
  await eventually(async () => told.includes(`${rulesPayload}${lane}`), 'the owner is told');
  listener.release(true);
});

it('a retry that is due at once is due after its result is written, so that the other workers see it', async () => {
  const inserted = await database.pool.query(
    `insert into posthorn.outbox (url, body) values ('http://receiver.example/', '{}') returning id`,
  );
  const { id } = inserted.rows[0];
  await claimByHand(database, { id });
  const { rows } = await database.pool.query('select clock_timestamp() as before');
  await recordResult(database.pool, { id, became: 'retry', retryInS: 0, endedMsAgo: 5_000 });
  const due = await database.pool.query('select due_at >= $1 as is_after from posthorn.queue', [
    rows[0].before,
  ]);
  expect(due.rows).toEqual([{ is_after: true }]);
});

/** A webhook whose first attempt worker 1 has begun, and whose lease is another's now. */
async function attempted(lease: {
  leasedBy: number | null;
  leaseS: number | null;
}): Promise<string> {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body) values ('http://receiver.example/', '{}') returning id`,
  );
  const id = rows[0]?.id ?? '';
  await database.pool.query(
    'insert into posthorn.attempts (webhook_id, number, worker) values ($1, 1, 1)',
    [id],
  );
  await database.pool.query(
    `update posthorn.queue
     set attempts = 1 + ($2::integer is not null)::integer, leased_by = $2, lease_until = now() + $3::integer * interval '1 second'
     where webhook_id = $1`,
    [id, lease.leasedBy, lease.leaseS],
  );
  return id;
}

/** Worker 1 records how its first attempt ended; the ids that were its to record. */
function recordAs(
  became: TestResult['became'],
  { id, statusCode }: { id: string; statusCode: number },
): Promise<string[]> {
  return recordResult(database.pool, { id, became, statusCode });
}

async function ended(id: string): Promise<{ status: string | null; waits: boolean } | undefined> {
  const { rows } = await database.pool.query<{ status: string | null; waits: boolean }>(
    `select (select status from posthorn.outcomes where webhook_id = $1) as status,
       exists (select from posthorn.queue where webhook_id = $1) as waits`,
    [id],
  );
  return rows[0];
}
