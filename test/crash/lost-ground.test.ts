import { once } from 'node:events';
import { beforeEach, expect, it } from 'vitest';
import { startReceiver } from '../../harness/receiver.ts';
import { graphileSchema } from '../../src/db/names.ts';
import { initialSlots } from '../../src/domain/lane-slots.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { forEachTest, forFile } from '../support/world.ts';

// What a worker stands on is taken away under it: its backends, its leases, Graphile's tables.

const database = forFile(createTestDatabase);
// Short slices, so that the job has to add itself again all the time.
const posthorn = forFile(() =>
  startEngine(database, {
    sliceMs: 200,
    timings: { missingAfterMs: 1_000, rescueEveryMs: 500 },
  }),
);
const receiver = forEachTest(startReceiver);

beforeEach(() => database.empty());

it('delivers everything though every backend is terminated in mid-run, and needs no restart', async () => {
  await enqueue(300);
  await receiver.until((requests) => requests.length > 20);
  const lost = once(posthorn.events, 'workerLost');
  const back = once(posthorn.events, 'workerReady');
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name like 'posthorn%'`,
  );
  await Promise.all([lost, back]);
  await enqueue(300);
  await delivered(600);
  expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(600);
});

it("delivers everything though all of Graphile's tables are emptied in mid-run", async () => {
  await enqueue(100);
  await receiver.until((requests) => requests.length > 5);
  await database.pool.query(
    `truncate ${graphileSchema}._private_jobs, ${graphileSchema}._private_job_queues,
       ${graphileSchema}._private_tasks, ${graphileSchema}._private_known_crontabs cascade`,
  );
  await once(posthorn.events, 'sliceEnded');
  await enqueue(100);
  await delivered(200);
  // The job is there again and goes on adding itself.
  await once(posthorn.events, 'sliceStarted');
  await once(posthorn.events, 'sliceStarted');
  expect(receiver.requests).toHaveLength(200);
});

it('starts the Graphile runner again when it ends without being asked', async () => {
  const restarted = once(posthorn.events, 'runnerRestarted');
  // A completion that fails ends the whole runner of graphile-worker 0.18.
  await database.pool.query(
    `create function pg_temp_fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$`,
  );
  await database.pool.query(
    `create trigger fail before delete on ${graphileSchema}._private_jobs
     for each statement execute function pg_temp_fail()`,
  );
  await restarted;
  await database.pool.query(`drop trigger fail on ${graphileSchema}._private_jobs`);
  await enqueue(50);
  await delivered(50);
  await eventually(async () => {
    const { rows } = await database.pool.query(
      `select locked_by from ${graphileSchema}._private_jobs
       where locked_by <> all (select graphile_pool from posthorn.workers)`,
    );
    return rows.length === 0;
  }, 'no job is locked by the runner that ended');
});

it('frees what a claim had leased whose answer was lost with its connection', async () => {
  await enqueue(1);
  await delivered(1);
  const [worker] = (await database.pool.query('select worker from posthorn.attempts')).rows;
  // What such a claim leaves: leases of a worker that lives and knows nothing of them.
  await database.pool.query(
    `with enqueued as (
       insert into posthorn.outbox (url, body, send_at) values ($1, '{}', now() + interval '1 hour') returning id
     )
     insert into posthorn.attempts (webhook_id, number, worker) select id, 1, $2 from enqueued`,
    [`${receiver.url}/lost`, worker.worker],
  );
  await database.pool.query(
    `update posthorn.queue
     set attempts = 1, leased_by = $1, lease_until = now() + interval '10 minutes', due_at = now()`,
    [worker.worker],
  );
  await cutClaim();
  await delivered(2);
});

it('what is in flight is not sent again when only the session is lost', async () => {
  const answers: (() => void)[] = [];
  receiver.answer((_request, response) => answers.push(() => response.end()));
  await enqueue(30);
  await receiver.until((requests) => requests.length === 30);
  const back = once(posthorn.events, 'workerReady');
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'posthorn worker'`,
  );
  await back;
  // Time for the rescue timer, which looks every 2 s, to take its own process for dead.
  await once(posthorn.events, 'sliceEnded');
  for (const answer of answers) answer();
  await delivered(30);
  expect(receiver.requests).toHaveLength(30);
});

it('a 2xx that comes after the lease was lost still ends the webhook', async () => {
  const answer = await holdOne();
  await loseLease();
  answer(200);
  await delivered(1);
  const { rows } = await database.pool.query('select from posthorn.queue');
  expect(rows).toHaveLength(0);
});

it('a failure that comes after the lease was lost changes nothing but its own attempt', async () => {
  const answer = await holdOne();
  await loseLease();
  const recorded = once(posthorn.events, 'recorded');
  answer(404);
  await recorded;
  const { rows } = await database.pool.query(
    `select q.attempts, q.due_at > now() + interval '50 minutes' as waits, a.error
     from posthorn.queue as q join posthorn.attempts as a using (webhook_id)`,
  );
  expect(rows).toEqual([{ attempts: 1, waits: true, error: 'http_404' }]);
});

it('the attempt that nobody saw end is closed though Postgres refuses the first try', async () => {
  await database.pool.query('create sequence public.refusals');
  await database.pool.query(
    `create function refuse_once() returns trigger language plpgsql as $$
     begin
       if new.error = 'abandoned' and nextval('public.refusals') = 1 then
         raise 'away' using errcode = '57P03';
       end if;
       return new;
     end $$`,
  );
  await database.pool.query(
    `create trigger refuse before update on posthorn.attempts for each row execute function refuse_once()`,
  );
  await orphan();
  await delivered(1);
  const { rows } = await database.pool.query(
    'select number, error from posthorn.attempts where finished_at is not null order by number',
  );
  const { rows: tries } = await database.pool.query(
    'select last_value > 1 as more from public.refusals',
  );
  await database.pool.query('drop trigger refuse on posthorn.attempts');
  expect(rows).toEqual([
    { number: 1, error: 'abandoned' },
    { number: 2, error: null },
  ]);
  expect(tries).toEqual([{ more: true }]);
});

it('a lease that ran out is taken over; the attempt nobody saw end is closed and does not count', async () => {
  await orphan();
  await delivered(1);
  await eventually(async () => {
    const { rows } = await database.pool.query(
      'select number, error from posthorn.attempts where finished_at is not null order by number',
    );
    return (
      JSON.stringify(rows) ===
      JSON.stringify([
        { number: 1, error: 'abandoned' },
        { number: 2, error: null },
      ])
    );
  }, 'both attempts are closed');
});

it('two workers share the work and send nothing twice', async () => {
  await using _second = await startEngine(database);
  // One worker alone has so many in flight to five receivers of which it knows nothing.
  const waiting: (() => void)[] = [];
  receiver.answer((_request, response) => waiting.push(() => response.end()));
  await enqueue(400);
  await receiver.until((requests) => requests.length > 5 * initialSlots);
  receiver.answer((_request, response) => response.end());
  for (const answer of waiting) answer();
  await delivered(400);
  expect(receiver.requests).toHaveLength(400);
  const { rows } = await database.pool.query<{ workers: number }>(
    'select count(distinct worker)::integer as workers from posthorn.attempts',
  );
  expect(rows).toEqual([{ workers: 2 }]);
});

/** Holds a claim up in the middle and takes its connection away. */
async function cutClaim(): Promise<void> {
  for (let isCut = false; !isCut; ) {
    const holder = await database.pool.connect();
    await holder.query('begin');
    await holder.query('lock table posthorn.queue in access exclusive mode');
    try {
      // The loop may have been about to look for lanes or probes: then it waits with that, and the lock is let go again.
      await eventually(async () => {
        const { rows } = await database.pool.query<{ isClaim: boolean }>(
          // By its first words: Postgres shows a kilobyte.
          `select query like '%leases due webhooks%' as "isClaim",
             case when query like '%leases due webhooks%' then pg_terminate_backend(pid) end
           from pg_stat_activity
           where datname = current_database() and application_name = 'posthorn engine' and wait_event_type = 'Lock'`,
        );
        isCut = rows.some(({ isClaim }) => isClaim);
        return rows.length > 0;
      }, 'a statement of the engine waits');
    } finally {
      await holder.query('commit');
      holder.release();
    }
  }
}

/** Sends one webhook whose receiver waits; the returned function lets it answer. */
async function holdOne(): Promise<(statusCode: number) => void> {
  let answer = (_statusCode: number) => {};
  receiver.answer((_request, response) => {
    answer = (statusCode) => {
      response.statusCode = statusCode;
      response.end();
    };
  });
  await enqueue(1);
  await receiver.until((requests) => requests.length === 1);
  return (statusCode) => answer(statusCode);
}

/** What a rescue does, with the next try far away so that nobody takes it. */
async function loseLease(): Promise<void> {
  await database.pool.query(
    `update posthorn.queue
     set lease_until = null, leased_by = null, uncounted = 1, due_at = now() + interval '1 hour'`,
  );
}

/** A webhook whose lease has run out, with an attempt that nobody saw end. */
async function orphan(): Promise<void> {
  await database.pool.query(
    `with enqueued as (
       insert into posthorn.outbox (url, body, max_attempts, send_at)
       values ($1, '{}', 1, now() + interval '1 hour')
       returning id
     )
     insert into posthorn.attempts (webhook_id, number, worker) select id, 1, 77 from enqueued`,
    [`${receiver.url}/orphan`],
  );
  await database.pool.query(
    `update posthorn.queue
     set attempts = 1, leased_by = 77, lease_until = now() - interval '1 second', due_at = now()`,
  );
}

async function enqueue(count: number): Promise<void> {
  await database.pool.query(
    // To hosts of their own, as a worker sends few to one that it does not know.
    `insert into posthorn.outbox (url, body)
     select replace($1, '127.0.0.1', 'h' || n % 5 || '.localhost'), '{}' from generate_series(1, $2) as n`,
    [`${receiver.url}/`, count],
  );
}

async function delivered(count: number): Promise<void> {
  await eventually(
    async () => {
      const { rows } = await database.pool.query<{ count: number }>(
        `select count(*)::integer as count from posthorn.outcomes where status = 'delivered'`,
      );
      return rows[0]?.count === count;
    },
    `${count} webhooks are delivered`,
    60_000,
  );
}
