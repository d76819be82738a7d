import { createPool } from 'slonik';
import { beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../../harness/receiver.ts';
import { ensureReplays } from '../../src/maintenance/replays.ts';
import { findReplay } from '../../src/queries/replays.ts';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks, startReplay } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { forEachTest, forFile } from '../support/world.ts';

// Replays as workers carry them out.

const database = forFile(createTestDatabase);
forFile(() =>
  startEngine(database, {
    env: { POSTHORN_RETRY_SCHEDULE: '1h' },
    timings: { rescueEveryMs: 200 },
  }),
);
const receiver = forEachTest(startReceiver);

beforeEach(() => database.empty());

describe('a replay', () => {
  it('sends each webhook that matches once, also those that were never tried, and no other', async () => {
    const failed = await endedWebhooks(database, { to: receiver.url, count: 1_500 });
    const untried = await endedWebhooks(database, {
      to: `${receiver.url}/?a=1`,
      count: 20,
      status: 'cancelled',
      attempts: 0,
    });
    await endedWebhooks(database, { to: receiver.url, count: 30, status: 'delivered' });
    await endedWebhooks(database, { to: `${receiver.url}/other`, count: 40 });
    const id = await begin({
      url: `${receiver.url}/`,
      statuses: '{failed,cancelled}',
    });
    expect(await ended(id)).toMatchObject({ status: 'finished', replayed: '20' });
    // Registered as it stands in the outbox: without the slash it is another address.
    const other = await begin({
      url: receiver.url,
      statuses: '{failed,cancelled}',
    });
    expect(await ended(other)).toMatchObject({ status: 'finished', replayed: '1500', skipped: {} });
    await receiver.until((requests) => requests.length >= 1_520);
    await nothingWaits();
    expect(sentIds()).toEqual([...failed, ...untried].toSorted());
  });

  it('puts back once what fails again, and leaves for the next one what fails meanwhile', async () => {
    receiver.answer((_request, response) => response.writeHead(400).end());
    await endedWebhooks(database, { to: receiver.url, count: 100 });
    const id = await begin({ url: receiver.url });
    await receiver.until((requests) => requests.length >= 100);
    await nothingWaits();
    expect(await ended(id)).toMatchObject({ replayed: '100' });
    expect(receiver.requests).toHaveLength(100);
    const { rows } = await database.pool.query(
      `select distinct e.status, e.reason, e.attempts, f.attempts as before
       from posthorn.outcomes as e
       join posthorn.former_outcomes as f using (webhook_id)`,
    );
    expect(rows).toEqual([{ status: 'failed', reason: 'http_400', attempts: 2, before: 1 }]);
  });

  it('says that it put back more than are counted only when it did', async () => {
    await endedWebhooks(database, { to: receiver.url, count: 3 });
    const id = await begin({ url: receiver.url });
    expect(await ended(id)).toMatchObject({ replayed: '3' });
    const pool = await createPool(database.url);
    try {
      for (const [maxCounted, isAtLeast] of [
        [2, true],
        [3, false],
      ] as const) {
        const replay = await findReplay(pool, id, { maxCounted });
        expect(replay?.results.is_at_least).toBe(isAtLeast);
      }
    } finally {
      await pool.end();
    }
  });

  it('gives a webhook its whole retry schedule again', async () => {
    receiver.answer((_request, response) => response.writeHead(503).end());
    const [id = ''] = await endedWebhooks(database, { to: receiver.url, count: 1, attempts: 2 });
    await begin({ ids: [id], url: receiver.url });
    await receiver.until((requests) => requests.length === 1);
    const waiting = await eventually(async () => {
      const { rows } = await database.pool.query(
        `select attempts, due_at > now() + interval '59 minutes' as is_later
         from posthorn.queue where lease_until is null and attempts = 3`,
      );
      return rows[0];
    }, 'it waits for its retry');
    expect(waiting).toEqual({ attempts: 3, is_later: true });
  });

  it('takes a part by time, by ids, and by endpoint', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url });
    const [first = '', second = '', third = ''] = await endedWebhooks(database, {
      to: endpoint.id,
      count: 3,
    });
    const timeOf = async (id: string) =>
      (await database.pool.query('select posthorn.uuid_time($1)::text as at', [id])).rows[0]?.at;
    await database.pool.query('update posthorn.endpoints set status = $1', ['paused']);
    const byId = await begin({ ids: [second, third], endpoint_id: endpoint.id });
    expect(await ended(byId)).toMatchObject({ replayed: '2' });
    const before = await begin({
      endpoint_id: endpoint.id,
      until_at: await timeOf(first),
    });
    expect(await ended(before)).toMatchObject({ replayed: '0' });
    const from = await begin({ from_at: await timeOf(first) });
    expect(await ended(from)).toMatchObject({ replayed: '1' });
  });

  it('brings forward what waits for a retry or a send_at, tried or not', async () => {
    await database.pool.query(
      `insert into posthorn.outbox (url, body, send_at) select $1, n::text, now() + interval '1 hour' from generate_series(1, 10) as n`,
      [receiver.url],
    );
    await database.pool.query(
      'update posthorn.queue set attempts = 2 where webhook_id in (select webhook_id from posthorn.queue limit 5)',
    );
    const id = await begin({ url: receiver.url, statuses: '{pending}' });
    await receiver.until((requests) => requests.length === 10);
    expect(await ended(id)).toMatchObject({ replayed: '10' });
  });

  it('says why it left something out', async () => {
    const gone = await registerEndpoint(database, { url: receiver.url });
    await endedWebhooks(database, { to: gone.id, count: 4 });
    await gone.set({ status: 'deleted' });
    const id = await begin({ endpoint_id: gone.id });
    expect(await ended(id)).toMatchObject({ replayed: '0', skipped: { endpoint_deleted: 4 } });
  });

  it('keeps to its rate: no second is due more than its share, and a quarter of that', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, status: 'paused' });
    await endedWebhooks(database, { to: endpoint.id, count: 60 });
    const id = await begin({ endpoint_id: endpoint.id, rate_limit_per_s: 20 });
    expect(await ended(id)).toMatchObject({ replayed: '60' });
    const { rows } = await database.pool.query<{ due: number }>(
      'select (extract(epoch from due_at) * 1000)::float8 as due from posthorn.queue order by due_at',
    );
    const dueMs = rows.map(({ due }) => due);
    for (const [at, due] of dueMs.slice(25).entries()) {
      expect(due - (dueMs[at] ?? 0)).toBeGreaterThan(1_000);
    }
  });

  it('goes behind what is new, with a low priority unless told otherwise', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, status: 'paused' });
    await endedWebhooks(database, { to: endpoint.id, count: 3, priority: 'high' });
    const low = await begin({ endpoint_id: endpoint.id });
    await ended(low);
    expect(await priorities()).toEqual([2, 2, 2]);
    await database.pool.query(
      'select posthorn.cancel_many(array(select webhook_id from posthorn.queue))',
    );
    const own = await begin({
      endpoint_id: endpoint.id,
      priority: null,
      statuses: '{cancelled}',
    });
    await ended(own);
    expect(await priorities()).toEqual([0, 0, 0]);
  });

  it('lets what is new pass what waits of it, also to the same endpoint', async () => {
    receiver.answer((_request, response) => void setTimeout(() => response.end(), 10));
    const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 1 });
    const replayed = new Set(await endedWebhooks(database, { to: endpoint.id, count: 400 }));
    await begin({ endpoint_id: endpoint.id });
    await receiver.until((requests) => requests.length >= 20);
    const before = receiver.requests.length;
    await endpoint.enqueue(5);
    const isNew = ({ headers }: { headers: Record<string, unknown> }) =>
      !replayed.has(String(headers['x-webhook-id']));
    await receiver.until((requests) => requests.filter(isNew).length === 5);
    // One in ten is the lesser's turn, and some were claimed already.
    expect(receiver.requests.findLastIndex(isNew) - before).toBeLessThan(50);
  });

  it('keeps the order of an ordered endpoint', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, ordered: true });
    await endedWebhooks(database, { to: endpoint.id, count: 30 });
    await begin({ endpoint_id: endpoint.id });
    await receiver.until((requests) => requests.length === 30);
    expect(receiver.requests.map(({ body }) => Number(body))).toEqual(
      Array.from({ length: 30 }, (_, at) => at + 1),
    );
  });

  it('is begun by a worker that looks, and goes on when the tables of Graphile Worker are emptied', async () => {
    await endedWebhooks(database, { to: receiver.url, count: 100 });
    const id = await startReplay(database, { url: receiver.url, rate_limit_per_s: 40 });
    await receiver.until((requests) => requests.length > 10);
    await database.pool.query(
      'truncate posthorn_graphile._private_jobs, posthorn_graphile._private_job_queues',
    );
    // As if nobody had worked on it for as long as it takes to be missed.
    await database.pool.query(
      `update posthorn.replays set moved_at = now() - interval '11 s', paced_until = now() - interval '11 s'`,
    );
    expect(await ended(id)).toMatchObject({ replayed: '100' });
    await receiver.until((requests) => requests.length === 100);
  });
});

describe('a 2xx that comes late', () => {
  it('ends the webhook though it is put back between the statements that record it', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url });
    let answer = () => {};
    receiver.answer((_request, response) => {
      answer = () => response.end('at last');
    });
    await endpoint.enqueue(1);
    await receiver.until((requests) => requests.length === 1);
    // Whoever thought it lost has ended it; and nothing of it is claimed when it is put back.
    await endpoint.set({ status: 'paused' });
    await database.pool.query(
      `with ended as (delete from posthorn.queue returning webhook_id, outbox_id, lane, attempts)
       insert into posthorn.outcomes (webhook_id, outbox_id, lane, attempts, status, reason)
       select webhook_id, outbox_id, lane, attempts, 'failed', 'timeout' from ended`,
    );
    const client = await database.pool.connect();
    await client.query('begin');
    const { rows } = await client.query<{ became: string }>(
      'select posthorn.retry(webhook_id) as became from posthorn.outcomes',
    );
    expect(rows).toEqual([{ became: 'queued' }]);
    answer();
    await eventually(async () => {
      const recorded = await database.pool.query(
        'select from posthorn.attempts where finished_at is not null',
      );
      return recorded.rows.length > 0;
    }, 'the late result is recorded, except in the outcome, which is locked');
    await client.query('commit');
    client.release();
    const end = await eventually(async () => {
      const found = await database.pool.query('select status, attempts from posthorn.outcomes');
      return found.rows[0];
    }, 'it has ended');
    expect(end).toEqual({ status: 'delivered', attempts: 1 });
    expect(receiver.requests).toHaveLength(1);
  });
});

describe('cancelling a replay', () => {
  it('stops it, and takes back what was not tried: each is as it was', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, status: 'paused' });
    await endedWebhooks(database, { to: endpoint.id, count: 1_500 });
    const before = await outcomes();
    const id = await begin({ endpoint_id: endpoint.id, rate_limit_per_s: 1_000 });
    await eventually(
      async () => Number((await replay(id))['replayed']) > 0,
      'some have been put back',
    );
    await cancel(id);
    const { taken_back, replayed } = await ended(id);
    expect(taken_back).toBe(replayed);
    expect(Number(taken_back)).toBeGreaterThan(0);
    expect(await outcomes()).toEqual(before);
    const { rows } = await database.pool.query(
      'select (select count(*) from posthorn.queue) + (select count(*) from posthorn.former_outcomes) as left',
    );
    expect(rows).toEqual([{ left: '0' }]);
  });

  it('takes back what waits of one that had put all back, and leaves what was tried', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, status: 'paused' });
    const ids = await endedWebhooks(database, { to: endpoint.id, count: 10 });
    const id = await begin({ endpoint_id: endpoint.id });
    expect(await ended(id)).toMatchObject({ status: 'finished' });
    await database.pool.query(
      'update posthorn.queue set attempts = attempts + 1 where webhook_id = any ($1)',
      [ids.slice(0, 4)],
    );
    await cancel(id);
    expect(await ended(id)).toMatchObject({ status: 'cancelled', taken_back: '6' });
    const { rows } = await database.pool.query('select webhook_id from posthorn.queue order by 1');
    expect(rows.map(({ webhook_id }) => webhook_id)).toEqual(ids.slice(0, 4));
  });

  it('changes nothing when all has been sent', async () => {
    await endedWebhooks(database, { to: receiver.url, count: 10 });
    const id = await begin({ url: receiver.url });
    await receiver.until((requests) => requests.length === 10);
    await nothingWaits();
    await ended(id);
    await cancel(id);
    expect(await ended(id)).toMatchObject({ status: 'finished', taken_back: '0' });
  });

  it('leaves to a later replay what that one has put back again', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, status: 'paused' });
    await endedWebhooks(database, { to: endpoint.id, count: 5 });
    const first = await begin({ endpoint_id: endpoint.id });
    await ended(first);
    await database.pool.query(
      'select posthorn.cancel_many(array(select webhook_id from posthorn.queue))',
    );
    const second = await begin({
      endpoint_id: endpoint.id,
      statuses: '{cancelled}',
    });
    expect(await ended(second)).toMatchObject({ replayed: '5' });
    await cancel(first);
    expect(await ended(first)).toMatchObject({ taken_back: '0', status: 'finished' });
    await cancel(second);
    expect(await ended(second)).toMatchObject({ taken_back: '5' });
    expect((await outcomes())[0]).toMatchObject({ status: 'cancelled' });
  });
});

/** Starts a replay, and does at once what the timer of a worker does every 2 s. */
async function begin(columns: Readonly<Record<string, unknown>>): Promise<string> {
  const id = await startReplay(database, columns);
  await ensureReplays(database.pool);
  return id;
}

function sentIds(): string[] {
  return receiver.requests.map(({ headers }) => String(headers['x-webhook-id'])).toSorted();
}

async function replay(id: string): Promise<Record<string, unknown>> {
  const { rows } = await database.pool.query('select * from posthorn.replays where id = $1', [id]);
  return rows[0];
}

/** The replay's row once its work is done. */
function ended(id: string): Promise<Record<string, unknown>> {
  return eventually(async () => {
    const row = await replay(id);
    return ['finished', 'cancelled'].includes(String(row['status'])) && row;
  }, 'the replay ended');
}

async function cancel(id: string): Promise<void> {
  await database.pool.query(
    `update posthorn.replays set status = 'cancelling', moved_at = '-infinity', paced_until = null where id = $1`,
    [id],
  );
  await ensureReplays(database.pool);
}

async function nothingWaits(): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query('select from posthorn.queue limit 1');
    return rows.length === 0;
  }, 'nothing waits');
}

async function priorities(): Promise<number[]> {
  const { rows } = await database.pool.query('select priority from posthorn.queue');
  return rows.map(({ priority }) => priority);
}

async function outcomes(): Promise<Record<string, unknown>[]> {
  const { rows } = await database.pool.query('select * from posthorn.outcomes order by webhook_id');
  return rows;
}
