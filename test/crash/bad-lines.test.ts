import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { LineProxy } from '../../harness/line-proxy.ts';
import { startReceiver } from '../../harness/receiver.ts';
import type { Posthorn } from '../../src/posthorn.ts';
import { createTestDatabase } from '../support/database.ts';
import { startReplay } from '../support/ended-webhooks.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { forEachTest, forFile } from '../support/world.ts';

// Two workers; the line of the first to Postgres leads through a proxy and can be made bad.

const database = forFile(createTestDatabase);
let proxy: LineProxy;
const receiver = forEachTest(startReceiver);
let cut: Posthorn;
let other: Posthorn;

beforeAll(async () => {
  const url = new URL(database.url);
  proxy = await LineProxy.start({ host: url.hostname, port: Number(url.port || 5432) });
  url.port = String(proxy.port);
  url.hostname = '127.0.0.1';
  // Neither can have all of the 200 that the tests send; one alone has slots for the five of a lane.
  const env = { POSTHORN_MAX_IN_FLIGHT: '150' };
  cut = await startEngine(database, {
    env: { ...env, DATABASE_URL: url.href },
    timings: { heartbeatMs: 200, heartbeatTimeoutMs: 3_000 },
  });
  other = await startEngine(database, {
    env,
    timings: { rescueEveryMs: 200, noRescueAfterLossMs: 30_000 },
  });
});

afterAll(async () => {
  proxy.set({ kind: 'pass' });
  await cut.stop();
  await other.stop();
  await proxy[Symbol.asyncDispose]();
});

beforeEach(() => database.empty());

it('a line that carries nothing any more is given up; a zombie that comes back overwrites nothing', async () => {
  const answer = await holdAll(200);
  const lost = once(cut.events, 'workerLost');
  const rescued = once(other.events, 'rescued');
  const back = once(cut.events, 'workerReady');
  proxy.set({ kind: 'silent', farSideMs: 1_000 });
  await Promise.all([lost, rescued]);
  // All that the other has now is answered; what the zombie had was sent again.
  answer();
  await delivered(200);
  const outcomes =
    'select webhook_id, status, attempts, finished_at from posthorn.outcomes order by 1';
  const before = (await database.pool.query(outcomes)).rows;
  proxy.set({ kind: 'pass' });
  await back;
  await enqueue(50);
  await delivered(250);
  const known = new Set(before.map(({ webhook_id: id }) => id));
  const after = (await database.pool.query(outcomes)).rows.filter(({ webhook_id: id }) =>
    known.has(id),
  );
  expect(after).toEqual(before);
  const { rows: open } = await database.pool.query(
    'select webhook_id, number from posthorn.attempts where finished_at is null',
  );
  expect(open).toEqual([]);
});

it('who comes back first after all sessions were lost does not take the others for dead', async () => {
  const answer = await holdAll(200);
  const lost = [once(cut.events, 'workerLost'), once(other.events, 'workerLost')];
  const back = [once(cut.events, 'workerReady'), once(other.events, 'workerReady')];
  // What its timer had begun before hangs, goes on when its connection is cut, and must rescue nobody either.
  const holder = await database.pool.connect();
  await holder.query('begin; lock table posthorn.replays in access exclusive mode');
  await eventually(async () => {
    const { rowCount } = await database.pool.query(
      `select from pg_locks where relation = 'posthorn.replays'::regclass and not granted`,
    );
    return rowCount === 2;
  }, 'the timers of both hang');
  // This one first: from now on it rescues nobody for 30 s.
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_locks
     where locktype = 'advisory' and objid = 2 and objsubid = 2
       and database = (select oid from pg_database where datname = current_database())`,
  );
  await lost[1];
  proxy.set({ kind: 'cut' });
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name like 'posthorn%'`,
  );
  await holder.query('rollback');
  holder.release();
  await Promise.all(lost);
  await back[1];
  for (let rounds = 0; rounds < 3; rounds += 1) await roundOfTheRescueTimer();
  proxy.set({ kind: 'pass' });
  await back[0];
  answer();
  await delivered(200);
  expect(receiver.requests).toHaveLength(200);
});

/** The worker that is back has begun another round: in each it looks after the replays, and then for dead workers. */
async function roundOfTheRescueTimer(): Promise<void> {
  const id = await startReplay(database, { url: 'http://127.0.0.1/none' });
  await eventually(async () => {
    const { rowCount } = await database.pool.query(
      `select from posthorn.replays where id = $1 and status = 'finished'`,
      [id],
    );
    return rowCount === 1;
  }, 'the timer has begun the replay');
}

/** Both workers have some of them in flight, and the receiver does not answer until told. */
async function holdAll(count: number): Promise<() => void> {
  let isHeld = true;
  const waiting: (() => void)[] = [];
  receiver.answer((_request, response) => {
    if (isHeld) waiting.push(() => response.end());
    else response.end();
  });
  await enqueue(count);
  await receiver.until((requests) => requests.length === count);
  const { rows } = await database.pool.query<{ workers: number }>(
    'select count(distinct leased_by)::integer as workers from posthorn.queue',
  );
  expect(rows).toEqual([{ workers: 2 }]);
  return () => {
    isHeld = false;
    for (const end of waiting) end();
  };
}

async function enqueue(count: number): Promise<void> {
  await database.pool.query(
    // To hosts of their own, as a worker sends few to one that it does not know.
    `insert into posthorn.outbox (url, body)
     select replace($1, '127.0.0.1', 'h' || n % 40 || '.localhost'), '{}' from generate_series(1, $2) as n`,
    [`${receiver.url}/`, count],
  );
}

async function delivered(count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query<{ count: number }>(
      `select count(*)::integer as count from posthorn.outcomes where status = 'delivered'`,
    );
    return rows[0]?.count === count;
  }, `${count} webhooks are delivered`);
}
