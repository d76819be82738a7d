import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closedPort } from '../../harness/receivers.ts';
import type { AttemptRecord } from '../../src/deliver/attempt-record.ts';
import type { AttemptResult } from '../../src/domain/attempt-result.ts';
import { createEvents, type PosthornEvents } from '../../src/events.ts';
import { claimByHand } from '../support/claimed.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { answered, createRecorder, failure } from '../support/recorder.ts';

// Results that Postgres refuses: each costs itself as little as possible, and no other result anything.

let database: TestDatabase;
let ids: string[];
let lost: PosthornEvents['recordLost'][0][];
let poisoned: PosthornEvents['poisoned'][0][];
let settled: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(
    `create function public.refuse() returns trigger language plpgsql
     as $$ begin raise 'refused' using errcode = '22003'; end $$`,
  );
});

afterAll(() => database.drop());

beforeEach(async () => {
  await database.pool.query(
    `drop trigger if exists refuse on posthorn.attempts; drop trigger if exists refuse on posthorn.queue;
     drop trigger if exists refuse_end on posthorn.queue`,
  );
  await database.empty();
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body) select 'http://receiver.example/', '{}' from generate_series(1, 10) returning id`,
  );
  ids = rows.map(({ id }) => id);
  for (const id of ids) await claimByHand(database, { id });
  [lost, poisoned, settled] = [[], [], []];
});

/** Records all of these at once, and waits until nothing is left to be recorded. */
async function record(results: readonly AttemptRecord[], pool = database.pool): Promise<void> {
  const events = createEvents();
  events.on('recordLost', (event) => lost.push(event));
  events.on('poisoned', (event) => poisoned.push(event));
  const recorder = createRecorder(pool, { events, patienceMs: 300 });
  for (const result of results.slice(0, -1)) recorder.add(result);
  // The last one makes them go, all in one statement.
  for (const result of results.slice(-1)) {
    recorder.add({ ...result, onSettled: () => settled.push(result.webhook.webhookId) });
  }
  expect(recorder.webhookIds).toHaveLength(results.length);
  await recorder.drain();
  expect(recorder.webhookIds).toEqual([]);
}

const delivered = (id: string): AttemptRecord => ({
  ...failure(id, { number: 1, statusCode: 200 }),
  result: answered(200, 'thanks'),
  verdict: { kind: 'delivered' },
  decision: { became: 'delivered' },
});

const refuseAttempt = (id: string, when: string) =>
  database.pool.query(
    `create trigger refuse before update on posthorn.attempts
     for each row when (new.webhook_id = '${id}' and ${when}) execute function public.refuse()`,
  );

const refuseAttempts = () =>
  database.pool.query(
    `create trigger refuse before update on posthorn.attempts for each row execute function public.refuse()`,
  );

/** Refuses whatever would be written of a webhook's place in the queue. */
const refuseQueue = (id: string) =>
  database.pool.query(
    `create trigger refuse before update on posthorn.queue
     for each row when (new.webhook_id = '${id}') execute function public.refuse();
     create trigger refuse_end before delete on posthorn.queue
     for each row when (old.webhook_id = '${id}') execute function public.refuse()`,
  );

const attemptsOf = async () => {
  const { rows } = await database.pool.query(
    `select webhook_id as id, status_code, response_body, error_message, finished_at is not null as ended
     from posthorn.attempts`,
  );
  return new Map(rows.map(({ id, ...attempt }) => [id, attempt]));
};

const outcomesOf = async () => {
  const { rows } = await database.pool.query(
    `select webhook_id as id, status::text, last_status_code as code, reason from posthorn.outcomes`,
  );
  return new Map(rows.map(({ id, ...outcome }) => [id, outcome]));
};

const waitingOf = async (id: string) => {
  const { rows } = await database.pool.query(
    `select leased_by, lease_until is null as is_free, uncounted,
       extract(epoch from due_at - now())::float8 as due_in_s
     from posthorn.queue where webhook_id = $1`,
    [id],
  );
  return rows[0];
};

describe('a result whose answer Postgres refuses', () => {
  it('is recorded without it, and those beside it with theirs', async () => {
    const odd = ids[3] ?? '';
    await refuseAttempt(odd, `new.response_body is not null`);
    await record(ids.map((id) => delivered(id)));
    const attempts = await attemptsOf();
    for (const id of ids) {
      expect(attempts.get(id)).toEqual({
        status_code: 200,
        response_body: id === odd ? null : 'thanks',
        error_message: null,
        ended: true,
      });
    }
    const outcomes = await outcomesOf();
    expect([...outcomes.keys()].toSorted()).toEqual(ids.toSorted());
    expect(outcomes.get(odd)).toEqual({ status: 'delivered', code: 200, reason: null });
    expect([lost, poisoned, settled]).toEqual([[], [], [ids.at(-1)]]);
  });

  it('is recorded without the message of an error that is at fault', async () => {
    const [odd = ''] = ids;
    await refuseAttempt(odd, `new.error_message is not null`);
    const result: AttemptResult = {
      kind: 'error',
      code: 'timeout',
      message: 'what it said',
      ...{ durationMs: 1, retriedConnection: false },
    };
    await record([{ ...failure(odd, { number: 1, statusCode: 500 }), result }]);
    expect((await attemptsOf()).get(odd)).toMatchObject({ error_message: null, ended: true });
    expect(await waitingOf(odd)).toMatchObject({ leased_by: null, is_free: true });
    expect([lost, poisoned, settled]).toEqual([[], [], [odd]]);
  });
});

describe('a webhook whose attempt cannot be recorded at all', () => {
  it('is tried again, in a minute at the least and a day at the most', async () => {
    await refuseAttempts();
    const delays = [1_000, 3_600_000, 9e9, 0];
    await record(
      delays.map((inMs, at) => ({
        ...failure(ids[at] ?? '', { number: 1, statusCode: 500 }),
        decision: { became: 'retry', inMs, counts: true },
      })),
    );
    for (const [at, inS] of [60, 3_600, 86_400, 60].entries()) {
      const waiting = await waitingOf(ids[at] ?? '');
      expect(waiting).toMatchObject({ leased_by: null, is_free: true });
      expect(Math.abs(waiting.due_in_s - inS)).toBeLessThan(30);
    }
    expect([lost, settled]).toEqual([[], [ids[3]]]);
    expect(poisoned).toEqual(
      ids.slice(0, 4).map((webhookId) => ({ webhookId, became: 'set_aside' })),
    );
  });

  it('ends as it has ended', async () => {
    const [good = '', bad = ''] = ids;
    await refuseAttempts();
    const decision = { became: 'failed', reason: 'http_404' } as const;
    await record([delivered(good), { ...failure(bad, { number: 1, statusCode: 404 }), decision }]);
    expect(Object.fromEntries(await outcomesOf())).toEqual({
      [good]: { status: 'delivered', code: 200, reason: null },
      [bad]: { status: 'failed', code: 404, reason: 'http_404' },
    });
    expect(lost).toEqual([]);
    expect(poisoned.map(({ became }) => became).toSorted()).toEqual(['delivered', 'failed']);
  });

  it('is left alone when another worker has it by now', async () => {
    const [odd = ''] = ids;
    await refuseAttempt(odd, 'true');
    await database.pool.query('update posthorn.queue set leased_by = 7 where webhook_id = $1', [
      odd,
    ]);
    await record([failure(odd, { number: 1, statusCode: 500 })]);
    expect(await waitingOf(odd)).toMatchObject({ leased_by: 7, is_free: false });
    expect(poisoned).toEqual([]);
    expect(lost).toEqual([{ results: 1, error: 'refused' }]);
  });
});

describe('a result that is lost', () => {
  it('is one alone, is told of, and does not keep its lane waiting', async () => {
    const odd = ids.at(-1) ?? '';
    await refuseAttempt(odd, 'true');
    await refuseQueue(odd);
    await record(ids.map((id) => delivered(id)));
    expect(lost).toEqual([{ results: 1, error: 'refused' }]);
    expect([poisoned, settled]).toEqual([[], [odd]]);
    expect((await outcomesOf()).size).toBe(9);
    // Its lease runs out, and it is sent again.
    expect(await waitingOf(odd)).toMatchObject({ leased_by: 1, is_free: false });
  });

  it('is told of when Postgres stays away for longer than it is waited for', async () => {
    const port = await closedPort();
    const pool = new pg.Pool({ connectionString: `postgres://nobody@127.0.0.1:${port}/none` });
    await record([...ids.slice(0, 3).map((id) => delivered(id))], pool);
    await pool.end();
    expect(lost).toMatchObject([{ results: 3, error: expect.stringContaining('ECONNREFUSED') }]);
    expect([poisoned, settled]).toEqual([[], [ids[2]]]);
  });
});
