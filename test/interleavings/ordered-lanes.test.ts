import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSql, sqlFile } from '../../src/db/sql-file.ts';
import { claimByHand, recordResult, recordValues, type TestResult } from '../support/claimed.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint, type TestEndpoint } from '../support/endpoints.ts';
import { interleave, type Step, transaction } from '../support/interleave.ts';

// An ordered endpoint whose first webhook is to be tried again in an hour, while people change it: the webhook is neither
// sent too early, nor do the later ones wait for what has ended.

let database: TestDatabase;
let endpoint: TestEndpoint;
let lane: string;
let first: string;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** An endpoint of its own for each order, with three webhooks, the first of which worker 1 is sending. */
async function resetToSending(): Promise<void> {
  endpoint = await registerEndpoint(database, { url: 'http://ordered.example/', ordered: true });
  await endpoint.enqueue(3);
  const { rows } = await database.pool.query<{ webhook_id: string; lane: string }>(
    `select q.webhook_id, q.lane::text
     from posthorn.queue as q
     join posthorn.endpoints as e on e.lane = q.lane
     where e.id = $1
     order by q.due_at, q.webhook_id`,
    [endpoint.id],
  );
  first = rows[0]?.webhook_id ?? '';
  lane = rows[0]?.lane ?? '';
  await claimByHand(database, { id: first });
}

/** It was tried, and is to be tried again in an hour. */
async function resetToHeld(): Promise<void> {
  await resetToSending();
  await recordResult(database.pool, { id: first, lane, became: 'retry', retryInS: 3_600 });
}

const record = (name: string, result: Omit<TestResult, 'id' | 'lane'>): Step => ({
  name,
  run: (client) => runSql(client, sqlFile('record'), recordValues({ ...result, id: first, lane })),
});

/** As the recorder does with a result of a lane that was locked. */
async function bringAgain(
  rows: unknown,
  result: Omit<TestResult, 'id' | 'lane' | 'wasPutOff'>,
): Promise<void> {
  const isLocked = (rows as { lane_is: string | null }[]).some(
    (row) => row.lane_is === 'rule_locked',
  );
  if (!isLocked) return;
  await recordResult(database.pool, { ...result, id: first, lane, wasPutOff: true });
}

const operate = (name: string, text: string): Step => ({
  name,
  run: async (client) => (await client.query(text, [first])).rows[0]?.['result'],
});

const orderOff = transaction('operator', [
  {
    name: 'turns order off',
    run: (client) =>
      client.query('update posthorn.endpoints set ordered = false where id = $1', [endpoint.id]),
  },
]);
const cancels = operate('cancels', 'select posthorn.cancel($1) as result');
const retries = operate('retries', 'select posthorn.retry($1) as result');

async function state(): Promise<{
  status: string;
  waits_an_hour: boolean;
  others_wait: boolean;
  is_held: boolean;
}> {
  const { rows } = await database.pool.query(
    `select
       w.status,
       coalesce(w.next_attempt_at > now() + interval '50 min', false) as waits_an_hour,
       (select bool_or(o.next_attempt_at > now()) from posthorn.webhooks as o where o.lane = w.lane and o.id <> w.id)
         as others_wait,
       exists (
         select from posthorn.lane_rules as r where r.lane = w.lane and (r.retry_at > now() or r.retry_of is not null)
       ) as is_held
     from posthorn.webhooks as w
     where w.id = $1`,
    [first],
  );
  return rows[0];
}

describe('a retry in an hour of the first webhook', () => {
  it('is in an hour, though the endpoint stops being ordered meanwhile', async () => {
    await interleave({
      database,
      reset: resetToSending,
      sessions: {
        operator: orderOff,
        worker: transaction('worker', [record('records', { became: 'retry', retryInS: 3_600 })]),
      },
      check: async ({ results }) => {
        await bringAgain(results['records'], { became: 'retry', retryInS: 3_600 });
        expect(await state()).toEqual({
          status: 'pending',
          waits_an_hour: true,
          others_wait: false,
          is_held: false,
        });
      },
    });
  });

  it('holds up nobody when the webhook is cancelled or retried as soon as that can be', async () => {
    for (const act of [cancels, retries]) {
      await interleave({
        database,
        reset: resetToSending,
        sessions: {
          operator: [act],
          worker: transaction('worker', [record('records', { became: 'retry', retryInS: 3_600 })]),
        },
        check: async ({ results }) => {
          await bringAgain(results['records'], { became: 'retry', retryInS: 3_600 });
          const isDone = results[act.name] === true || results[act.name] === 'brought_forward';
          const { is_held, others_wait } = await state();
          expect({ is_held, others_wait }).toEqual({ is_held: !isDone, others_wait: !isDone });
        },
      });
    }
  });
});

describe('an endpoint that stops being ordered while its first webhook waits for a retry', () => {
  it('sends the others at once, and that one when it is due, or what an operator says', async () => {
    for (const act of [cancels, retries]) {
      await interleave({
        database,
        reset: resetToHeld,
        sessions: { operator: orderOff, other: [act] },
        check: async ({ results }) => {
          const { status, ...rest } = await state();
          const isDone = results[act.name] === true || results[act.name] === 'brought_forward';
          expect(status).toBe(results[act.name] === true ? 'cancelled' : 'pending');
          expect(rest).toEqual({ waits_an_hour: !isDone, others_wait: false, is_held: false });
        },
      });
    }
  });

  it('is not held by a webhook that a late 2xx has ended', async () => {
    await interleave({
      database,
      reset: async () => {
        await resetToSending();
        await claimByHand(database, { id: first, number: 2, worker: 2 });
        await recordResult(database.pool, {
          ...{ id: first, lane, number: 2, worker: 2, became: 'retry', retryInS: 3_600 },
        });
      },
      sessions: {
        operator: orderOff,
        worker: transaction('worker', [record('records late', { became: 'delivered' })]),
      },
      check: async ({ results }) => {
        await bringAgain(results['records late'], { became: 'delivered' });
        expect(await state()).toEqual({
          status: 'delivered',
          waits_an_hour: false,
          others_wait: false,
          is_held: false,
        });
      },
    });
  });
});
