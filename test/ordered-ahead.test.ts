import type { ServerResponse } from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { createTestDatabase } from './support/database.ts';
import { registerEndpoint, type TestEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { forEachTest, forFile } from './support/world.ts';

// Webhooks of an ordered endpoint that are claimed together and sent one after another. What happens in between ends that: the rest is
// given back, as if it had never been claimed. Without the scan of all lanes, what is forgotten is never sent.

const database = forFile(createTestDatabase);
const timings = { scanEveryMs: 3_600_000 };
forFile(() => startEngine(database, { timings }));
const receiver = forEachTest(startReceiver);
const all = 40;
const stopsAt = 10;
let endpoint: TestEndpoint;
let answer: (statusCode: number) => void;

beforeEach(() => database.empty());

/** Sends webhooks until the receiver keeps the tenth waiting and has more ahead, which it is not sent yet. */
async function midway(settings: Record<string, unknown> = {}): Promise<void> {
  let waiting: ServerResponse | undefined;
  let hasAnswered = false;
  answer = (statusCode) => {
    hasAnswered = true;
    waiting?.writeHead(statusCode).end();
  };
  receiver.answer((request, response) => {
    if (request.body.toString() === `${stopsAt}` && !hasAnswered) waiting = response;
    else response.end();
  });
  endpoint = await registerEndpoint(database, { url: receiver.url, ordered: true, ...settings });
  await endpoint.enqueue(all);
  await eventually(
    async () => (await leased()) > 1 && sent().length === stopsAt,
    'it is under way',
  );
}

async function leased(): Promise<number> {
  const { rowCount } = await database.pool.query(
    'select from posthorn.queue where leased_by is not null',
  );
  return rowCount ?? 0;
}

function sent(): number[] {
  return receiver.requests.map(({ body }) => Number(body.toString()));
}

const upTo = (most: number, from = 1) =>
  Array.from({ length: most - from + 1 }, (_, at) => from + at);

async function delivered(count: number): Promise<void> {
  await eventually(async () => {
    const { rowCount } = await database.pool.query(
      `select from posthorn.outcomes where status = 'delivered'`,
    );
    return rowCount === count;
  }, `${count} are delivered`);
}

/** How many attempts the webhooks that were not sent have, and how many attempts are open of them. */
async function traces(): Promise<{ attempts: number; leased: number; open: number }> {
  const { rows } = await database.pool.query(
    `select
       coalesce(max(q.attempts), 0) as attempts,
       count(q.leased_by)::integer as leased,
       (select count(*)::integer from posthorn.attempts as a where a.finished_at is null) as open
     from posthorn.queue as q
     join posthorn.outbox as o on o.id = q.outbox_id
     where o.body::integer > $1`,
    [stopsAt],
  );
  return rows[0];
}

const untouched = { attempts: 0, leased: 0, open: 0 };

describe('webhooks of an ordered endpoint that were claimed ahead', () => {
  it('are sent one after another, each once, and say when they were sent', async () => {
    await midway();
    const { rows } = await database.pool.query('select clock_timestamp() as now');
    answer(200);
    await delivered(all);
    expect(sent()).toEqual(upTo(all));
    const later = await database.pool.query(
      `select count(*)::integer as count, max(a.number) as number
       from posthorn.attempts as a
       join posthorn.outbox as o on o.id = a.webhook_id
       where o.body::integer > $1 and a.started_at > $2 and a.finished_at >= a.started_at`,
      [stopsAt, rows[0].now],
    );
    expect(later.rows).toEqual([{ count: all - stopsAt, number: 1 }]);
  });

  it('wait for the retry of the one before, and have not been tried', async () => {
    await midway({ retry_schedule_s: [1] });
    answer(500);
    await eventually(async () => (await leased()) === 0, 'the rest is given back');
    expect(await traces()).toEqual(untouched);
    await delivered(all);
    expect(sent()).toEqual([...upTo(stopsAt), ...upTo(all, stopsAt)]);
  });

  it('are not sent to an endpoint that is paused, and can be cancelled at once', async () => {
    await midway();
    const cancel = async (body: number) => {
      const { rows } = await database.pool.query(
        'select posthorn.cancel(id) as is_cancelled from posthorn.outbox where body = $1',
        [`${body}`],
      );
      return rows[0].is_cancelled;
    };
    expect(await cancel(12)).toBe(false);
    await endpoint.set({ status: 'paused' });
    await eventually(async () => (await leased()) === 1, 'the rest is given back');
    expect(await cancel(12)).toBe(true);
    answer(200);
    await delivered(stopsAt);
    expect([sent(), await traces()]).toEqual([upTo(stopsAt), untouched]);
    await endpoint.set({ status: 'active' });
    await delivered(all - 1);
    expect(sent()).toEqual(upTo(all).filter((body) => body !== 12));
  });

  it('are given back when the worker has lost its session, and are sent once', async () => {
    await midway();
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'posthorn worker'`,
    );
    await eventually(async () => (await leased()) === 1, 'the rest is given back');
    answer(200);
    await delivered(all);
    expect(sent()).toEqual(upTo(all));
  });

  it('do not wait for the one before when the endpoint stops being ordered', async () => {
    await midway();
    await endpoint.set({ ordered: false });
    await receiver.until((requests) => requests.length === all);
    answer(200);
    await delivered(all);
    expect(sent().toSorted((a, b) => a - b)).toEqual(upTo(all));
  });

  it('keep to a rate that is set meanwhile', async () => {
    await midway();
    await endpoint.set({ rate_limit_per_s: 20 });
    await eventually(async () => (await leased()) === 1, 'the rest is given back');
    answer(200);
    await delivered(all);
    expect(sent()).toEqual(upTo(all));
    const times = receiver.requests.slice(stopsAt).map(({ atMs }) => atMs);
    for (const from of times) {
      expect(times.filter((at) => at >= from && at < from + 500).length).toBeLessThanOrEqual(15);
    }
  });
});

it('a worker that stops gives back what it has not sent, and the next one goes on', async () => {
  const other = await createTestDatabase();
  try {
    const first = await startEngine(other, { timings });
    const told: number[] = [];
    let waiting: ServerResponse | undefined;
    receiver.answer((request, response) => {
      told.push(Number(request.body.toString()));
      if (told.length === stopsAt) waiting = response;
      else response.end();
    });
    const ordered = await registerEndpoint(other, { url: receiver.url, ordered: true });
    await ordered.enqueue(all);
    await receiver.until((requests) => requests.length === stopsAt);
    const stopped = first.stop();
    const rows = () =>
      other.pool.query(
        `select count(leased_by)::integer as leased, sum(attempts)::integer as attempts from posthorn.queue`,
      );
    await eventually(async () => (await rows()).rows[0].leased === 1, 'the rest is given back');
    waiting?.end();
    await stopped;
    expect((await rows()).rows).toEqual([{ leased: 0, attempts: 0 }]);
    await using _second = await startEngine(other, { timings });
    await receiver.until((requests) => requests.length === all);
    expect(told).toEqual(upTo(all));
  } finally {
    await other.drop();
  }
});
