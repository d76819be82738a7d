import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LineProxy } from '../../harness/line-proxy.ts';
import { graphileSchema } from '../../src/db/names.ts';
import type { Posthorn } from '../../src/posthorn.ts';
import { createTestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type Scraped, scrape } from '../support/scrape.ts';
import { forEachTest } from '../support/world.ts';

// What the metrics say of the database: the same in every process, counted once for all of them.

const database = forEachTest(createTestDatabase);

describe('of a database without a worker', () => {
  let api: Posthorn & AsyncDisposable;

  beforeEach(async () => {
    api = await startEngine(database, { worker: false, api: true });
  });

  afterEach(() => api.stop());

  it('the queue is told by priority and by what its webhooks wait for', async () => {
    await enqueue('http://a.example/', { count: 5, priority: 'high' });
    await enqueue('http://b.example/', { count: 4 });
    await enqueue('http://c.example/', { count: 3, sendAt: '1 hour' });
    await enqueue('http://d.example/', { count: 2, priority: 'low' });
    await queue('http://d.example/', "attempts = 1, due_at = now() + interval '5 minutes'");
    await enqueue('http://e.example/', { count: 6 });
    await queue('http://e.example/', "leased_by = 1, lease_until = now() + interval '1 minute'");
    await enqueue('http://f.example/', { count: 7 });
    await breaker('http://f.example/', "state = 'open'");
    await enqueue('http://g.example/', { count: 1, priority: 'high' });
    await breaker('http://g.example/', "throttled_until = now() + interval '1 hour'");
    const paused = await registerEndpoint(database, { url: 'http://h.example/' });
    await paused.enqueue(8, { priority: 'low' });
    await paused.set({ status: 'paused' });
    const metrics = await counted(api);
    expect(nonZero(metrics, 'posthorn_queue_webhooks')).toEqual({
      'posthorn_queue_webhooks{priority="high",state="due"}': 5,
      'posthorn_queue_webhooks{priority="normal",state="due"}': 4,
      'posthorn_queue_webhooks{priority="normal",state="scheduled"}': 3,
      'posthorn_queue_webhooks{priority="low",state="retry"}': 2,
      'posthorn_queue_webhooks{priority="normal",state="sending"}': 6,
      'posthorn_queue_webhooks{priority="normal",state="held"}': 7,
      'posthorn_queue_webhooks{priority="high",state="held"}': 1,
      'posthorn_queue_webhooks{priority="low",state="held"}': 8,
    });
    expect(metrics.value('posthorn_queue_is_estimated')).toBe(0);
  });

  it('a lease that ran out does not count as sending', async () => {
    await enqueue('http://a.example/', { count: 2 });
    await queue('http://a.example/', "leased_by = 1, lease_until = now() - interval '1 s'");
    expect(nonZero(await counted(api), 'posthorn_queue_webhooks')).toEqual({
      'posthorn_queue_webhooks{priority="normal",state="due"}': 2,
    });
  });

  it('the oldest due webhook has its age, apart from those that are held', async () => {
    await enqueue('http://a.example/', { count: 3 });
    await queue('http://a.example/', "due_at = now() - interval '10 minutes'");
    await enqueue('http://b.example/', { priority: 'high' });
    await queue('http://b.example/', "due_at = now() - interval '2 days'");
    await breaker('http://b.example/', "state = 'open'");
    await enqueue('http://c.example/', { sendAt: '1 hour', priority: 'low' });
    const metrics = await counted(api);
    const age = (priority: string, state: string) =>
      metrics.value(
        `posthorn_queue_oldest_due_age_seconds{priority="${priority}",state="${state}"}`,
      );
    expect(age('normal', 'due')).toBeGreaterThanOrEqual(600);
    expect(age('normal', 'due')).toBeLessThan(660);
    expect(age('high', 'held')).toBeGreaterThanOrEqual(172_800);
    expect([age('high', 'due'), age('low', 'due'), age('normal', 'held')]).toEqual([0, 0, 0]);
  });

  it('lanes are told by what is the matter with them', async () => {
    await breaker('http://a.example/', 'consecutive = 3');
    await breaker('http://b.example/', "state = 'open'");
    await breaker('http://c.example/', "state = 'open'");
    await breaker('http://d.example/', "state = 'open', probe_until = now() + interval '1 min'");
    await breaker('http://e.example/', "consecutive = 1, throttled_until = now() + interval '1 h'");
    await registerEndpoint(database, { url: 'http://f.example/', status: 'disabled' });
    await registerEndpoint(database, { url: 'http://g.example/', max_in_flight: 5 });
    expect(nonZero(await counted(api), 'posthorn_lanes')).toEqual({
      'posthorn_lanes{state="failing"}': 1,
      'posthorn_lanes{state="open"}': 2,
      'posthorn_lanes{state="probing"}': 1,
      'posthorn_lanes{state="throttled"}': 1,
      'posthorn_lanes{state="held"}': 1,
    });
  });

  it('a worker that died is told from one that lives, and so is it when none does', async () => {
    expect((await counted(api)).value('posthorn_workers{state="alive"}')).toBe(0);
    await database.pool.query(
      "insert into posthorn.workers (number, host, pid, version) values (7, 'gone', 1, '0')",
    );
    expect(nonZero(await counted(api), 'posthorn_workers')).toEqual({
      'posthorn_workers{state="dead"}': 1,
    });
    await using worker = await startEngine(database);
    // While it is rescued, its rescuer holds its lock.
    const alive = { 'posthorn_workers{state="alive"}': 1 };
    await eventually(async () => {
      const workers = nonZero(await counted(api), 'posthorn_workers');
      return JSON.stringify(workers) === JSON.stringify(alive);
    }, 'the dead one is rescued');
    expect(nonZero(await counted(worker), 'posthorn_workers')).toEqual(alive);
  });

  it('days without partitions ahead are missed', async () => {
    expect((await counted(api)).value('posthorn_partitions_ahead')).toBe(3);
    await database.pool.query(
      `do $$ begin
         execute format('drop table posthorn.attempts_%s', to_char(now() at time zone 'UTC' + interval '2 days', 'YYYYMMDD'));
       end $$`,
    );
    expect((await counted(api)).value('posthorn_partitions_ahead')).toBe(1);
  });

  it('an old transaction is seen', async () => {
    const client = await database.pool.connect();
    await client.query('begin isolation level repeatable read');
    await client.query('select pg_sleep(1.2)');
    const metrics = await counted(api);
    await client.query('commit');
    client.release();
    expect(metrics.value('posthorn_oldest_transaction_age_seconds')).toBeGreaterThan(1.1);
  });

  it('has no metrics of a worker, and takes nothing but GET', async () => {
    const { types } = await counted(api);
    expect(types.has('posthorn_pool_connections')).toBe(true);
    expect(types.has('posthorn_attempts_total')).toBe(false);
    expect(types.has('posthorn_worker_ready')).toBe(false);
    expect(types.has('posthorn_redis_up')).toBe(false);
    const answer = await fetch(`${api.address}/metrics`, { method: 'POST' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('the scheduled tasks', () => {
  it('say when they last ended well and what they did, and their jobs are counted', async () => {
    await using worker = await startEngine(database);
    await database.pool.query(
      `do $$ begin
         execute format('drop table posthorn.outbox_%1$s, posthorn.attempts_%1$s, posthorn.outcomes_%1$s',
           to_char(now() at time zone 'UTC' + interval '3 days', 'YYYYMMDD'));
       end $$;
       select posthorn.make_partitions((now() - interval '40 days')::date);
       select posthorn.make_partitions((now() - interval '41 days')::date)`,
    );
    // A day that cannot be dropped, because it has too many unfinished webhooks to move.
    await database.pool.query(
      `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
       select id, id, 1, 1, now() + interval '1 day'
       from (
         select overlay(posthorn.uuid_floor(now() - interval '41 days')::text placing lpad(n::text, 12, '0') from 25)::uuid as id
         from generate_series(1, 10001) as n
       ) as old`,
    );
    const startedS = Date.now() / 1_000;
    for (const task of ['posthorn:partitions', 'posthorn:prune', 'unheard-of']) {
      await database.pool.query(`select ${graphileSchema}.add_job($1, '{}', max_attempts => 1)`, [
        task,
      ]);
    }
    const metrics = await eventually(async () => {
      const scraped = await counted(worker);
      const done = ['partitions', 'prune'].every((task) =>
        scraped.series.has(
          `posthorn_maintenance_last_success_timestamp_seconds{task="posthorn:${task}"}`,
        ),
      );
      return done && scraped;
    }, 'both tasks have run');
    const lastS = metrics.value(
      'posthorn_maintenance_last_success_timestamp_seconds{task="posthorn:prune"}',
    );
    expect(Math.abs(lastS - startedS)).toBeLessThan(30);
    expect(
      metrics.value('posthorn_maintenance_duration_seconds{task="posthorn:prune"}'),
    ).toBeGreaterThan(0);
    expect(metrics.value('posthorn_partitions_ahead')).toBe(3);
    expect(metrics.value('posthorn_partitions_made_total')).toBe(3);
    expect(metrics.value('posthorn_partitions_dropped_total')).toBe(3);
    expect(metrics.value('posthorn_partitions_overdue{cause="unfinished"}')).toBe(3);
    expect(metrics.value('posthorn_partitions_overdue{cause="locked"}')).toBe(0);
    const jobs = await eventually(async () => {
      const scraped = await scrape(worker.address);
      return (
        scraped.value('posthorn_jobs_total{task="posthorn:prune",result="success"}') === 1 &&
        scraped
      );
    }, 'the jobs are counted');
    expect(jobs.value('posthorn_jobs_total{task="posthorn:partitions",result="success"}')).toBe(1);
    expect(jobs.value('posthorn_jobs_total{task="posthorn:prune",result="failed"}')).toBe(0);
  });

  it('that fail are counted as such', async () => {
    await using worker = await startEngine(database);
    await database.pool.query('alter table posthorn.idempotency_keys rename to elsewhere');
    await database.pool.query(
      `select ${graphileSchema}.add_job('posthorn:prune', max_attempts => 1)`,
    );
    await eventually(async () => {
      const scraped = await scrape(worker.address);
      return scraped.value('posthorn_jobs_total{task="posthorn:prune",result="failed"}') === 1;
    }, 'the failure is counted');
    await database.pool.query('alter table posthorn.elsewhere rename to idempotency_keys');
  });
});

describe('the count', () => {
  it('is made once for all processes and all their scrapes', async () => {
    await using first = await startEngine(database, { worker: false, api: true });
    await using second = await startEngine(database, { worker: false, api: true });
    await counted(first);
    await noteCounts();
    await old();
    const scrapes = await Promise.all(
      Array.from({ length: 40 }, (_, at) => scrape((at % 2 === 0 ? first : second).address)),
    );
    expect(
      scrapes.filter(({ series }) => series.has('posthorn_workers{state="alive"}')),
    ).toHaveLength(40);
    expect(await counts()).toBe(1);
    const again = await Promise.all([scrape(first.address), scrape(second.address)]);
    expect(await counts()).toBe(1);
    for (const { series } of again) {
      expect(series.get('posthorn_stats_age_seconds')).toBeLessThan(15);
    }
  });

  it('is not waited for while somebody else is at it', async () => {
    await using api = await startEngine(database, { worker: false, api: true });
    await counted(api);
    await old();
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query('select from posthorn.stats for update');
    const scraped = await scrape(api.address);
    await client.query('rollback');
    client.release();
    expect(scraped.value('posthorn_database_up')).toBe(1);
    expect(scraped.value('posthorn_stats_age_seconds')).toBeGreaterThan(3_000);
  });

  it('takes a twentieth of the time at most, however much is asked', async () => {
    await database.pool.query(
      "update posthorn.stats set taken_at = clock_timestamp() - interval '1 min', took_ms = 10000, figures = '{}'",
    );
    const { rows } = await database.pool.query(
      "select clock_timestamp() - taken_at > interval '50 s' as is_old from posthorn.take_stats('0')",
    );
    expect(rows).toEqual([{ is_old: true }]);
    await database.pool.query("update posthorn.stats set taken_at = taken_at - interval '200 s'");
    const later = await database.pool.query(
      "select clock_timestamp() - taken_at < interval '5 s' as is_new from posthorn.take_stats('0')",
    );
    expect(later.rows).toEqual([{ is_new: true }]);
  });
});

it('a database that does not answer costs a scrape two seconds and its own figures, and no more', async () => {
  const { hostname, port } = new URL(database.url);
  await using proxy = await LineProxy.start({ host: hostname, port: Number(port) });
  const url = new URL(database.url);
  url.port = String(proxy.port);
  await using api = await startEngine({ url: url.href }, { worker: false, api: true });
  await eventually(
    async () => (await scrape(api.address)).value('posthorn_database_up') === 1,
    'the database answers',
  );
  proxy.set({ kind: 'silent', farSideMs: 60_000 });
  const startedMs = performance.now();
  const scraped = await eventually(async () => {
    const one = await scrape(api.address);
    return one.value('posthorn_database_up') === 0 && one;
  }, 'the database is missed');
  expect(performance.now() - startedMs).toBeLessThan(6_000);
  expect(scraped.types.has('posthorn_queue_webhooks')).toBe(true);
  expect(scraped.sum('posthorn_queue_webhooks')).toBe(0);
  expect(scraped.series.has('posthorn_workers{state="alive"}')).toBe(false);
  expect(scraped.series.has('posthorn_queue_is_estimated')).toBe(false);
  expect(scraped.value('process_resident_memory_bytes')).toBeGreaterThan(0);
  proxy.set({ kind: 'cut' });
});

/** A scrape of figures that were counted just now. */
async function counted(posthorn: Posthorn): Promise<Scraped> {
  await old();
  return eventually(async () => {
    const scraped = await scrape(posthorn.address);
    return (scraped.series.get('posthorn_stats_age_seconds') ?? 3_600) < 600 && scraped;
  }, 'the figures are counted anew');
}

/** Ages the figures. */
async function old(): Promise<void> {
  await database.pool.query(
    "update posthorn.stats set taken_at = clock_timestamp() - interval '1 hour', took_ms = 0",
  );
}

/** Has each count that is made from now on noted. */
async function noteCounts(): Promise<void> {
  await database.pool.query(
    `create table posthorn.counts (at timestamptz not null);
     create function posthorn.note_count() returns trigger language plpgsql as $$
       begin
         insert into posthorn.counts values (new.taken_at);
         return null;
       end $$;
     create trigger note_count after update on posthorn.stats
       for each row when (new.taken_at > old.taken_at) execute function posthorn.note_count()`,
  );
}

async function counts(): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    'select count(*)::integer from posthorn.counts',
  );
  return rows[0]?.count ?? 0;
}

function nonZero({ series }: Scraped, name: string): Record<string, number> {
  return Object.fromEntries(
    [...series].filter(([key, value]) => key.startsWith(`${name}{`) && value > 0),
  );
}

async function enqueue(
  url: string,
  {
    count = 1,
    priority = 'normal',
    sendAt = '0',
  }: { count?: number; priority?: string; sendAt?: string },
): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, body, priority, send_at)
     select $1, '{}', $2, now() + $4::interval from generate_series(1, $3::integer)`,
    [url, priority, count, sendAt],
  );
}

/** Changes the rows of a URL's lane. */
async function queue(url: string, changes: string): Promise<void> {
  await database.pool.query(
    `update posthorn.queue set ${changes} where lane = posthorn.lane_of($1)`,
    [url],
  );
}

async function breaker(url: string, changes: string): Promise<void> {
  await database.pool.query(
    'insert into posthorn.breakers (key, url) values (posthorn.lane_of($1), $1)',
    [url],
  );
  await database.pool.query(
    `update posthorn.breakers set ${changes} where key = posthorn.lane_of($1)`,
    [url],
  );
}
