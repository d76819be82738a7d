import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { spawnWorker } from '../harness/process.ts';
import { type Received, startReceiver } from '../harness/receiver.ts';
import { lockClass } from '../src/db/names.ts';
import { mostUnrecorded } from '../src/deliver/train.ts';
import type { Posthorn } from '../src/posthorn.ts';
import type { Timings } from '../src/worker/timings.ts';
import { createTestDatabase } from './support/database.ts';
import { registerEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { measureLoad } from './support/load.ts';
import { forEachTest, forFile } from './support/world.ts';

// One worker keeps the limits of an endpoint, and another takes them over from it.

const database = forFile(createTestDatabase);
let engines: Posthorn[] = [];

afterEach(async () => {
  await Promise.all(engines.map((engine) => engine.stop()));
  engines = [];
  await database.empty();
});

// Closes before the engines stop.
const receiver = forEachTest(startReceiver);

async function start(timings: Partial<Timings> = {}): Promise<Posthorn> {
  const engine = await startEngine(database, { timings });
  engines.push(engine);
  return engine;
}

describe('when its worker is gone', () => {
  it('max_in_flight holds, as another goes on where it was stopped', async () => {
    const workers = [await start(), await start()];
    const load = measureLoad(receiver);
    const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 2 });
    await endpoint.enqueue(120);
    await receiver.until((requests) => requests.length >= 20);
    const { owner } = await endpoint.row();
    await workers[Number(owner) - 1]?.stop();
    await receiver.until((requests) => requests.length === 120);
    expect(load.most).toBe(2);
  });

  it('rate_limit_per_s holds though the worker was killed', async () => {
    await using first = await spawnWorker(database.url);
    const endpoint = await registerEndpoint(database, { url: receiver.url, rate_limit_per_s: 20 });
    await endpoint.enqueue(50);
    await receiver.until((requests) => requests.length >= 15);
    await using _second = await spawnWorker(database.url);
    await first.end('SIGKILL');
    await eventually(async () => {
      const { rows } = await database.pool.query(
        `select count(*)::integer as done from posthorn.outcomes where status = 'delivered'`,
      );
      return rows[0].done === 50;
    }, 'all are delivered');
    const times = receiver.requests.map(({ atMs }) => atMs);
    // 35 were left when it was killed, and take 1.75 s.
    for (const from of times) {
      expect(times.filter((at) => at >= from && at < from + 900).length).toBeLessThanOrEqual(30);
    }
  });

  it('an ordered endpoint keeps its order though the worker was killed', async () => {
    await using first = await spawnWorker(database.url);
    await using _second = await spawnWorker(database.url);
    const endpoint = await registerEndpoint(database, { url: receiver.url, ordered: true });
    const unanswered: ServerResponse[] = [];
    receiver.answer((request, response) => {
      if (request.body.toString() === '20' && unanswered.length === 0) unanswered.push(response);
      else response.end();
    });
    await endpoint.enqueue(40);
    await receiver.until((requests) => requests.length >= 20);
    const { owner } = await endpoint.row();
    const { rows } = await database.pool.query<{ pid: number }>(
      'select pid from posthorn.workers where number = $1',
      [owner],
    );
    const killed = rows[0]?.pid === first.child.pid ? first : _second;
    await killed.end('SIGKILL');
    await receiver.until((requests) => requests.at(-1)?.body.toString() === '40');
    const bodies = bodiesOf(receiver.requests);
    // What was answered and not recorded comes again: at most 16 of them, in order.
    const again = bodies.length - 40;
    expect(again).toBeGreaterThanOrEqual(1);
    expect(again).toBeLessThanOrEqual(mostUnrecorded);
    expect(bodies).toEqual([...upTo(20), ...upTo(40).slice(20 - again)]);
  });
});

describe('what limits an endpoint', () => {
  it('has one owner at a time; an idle one is given up', async () => {
    await start({ scanEveryMs: 200, releaseAfterMs: 1_000 });
    await start({ scanEveryMs: 200, releaseAfterMs: 1_000 });
    const endpoints = await Promise.all(
      upTo(20).map((n) =>
        registerEndpoint(database, { url: `${receiver.url}/${n}`, max_in_flight: 1 }),
      ),
    );
    await Promise.all(endpoints.map((endpoint) => endpoint.enqueue(5)));
    await receiver.until((requests) => requests.length === 100);
    const { rows } = await database.pool.query(
      'select count(owner)::integer as owned from posthorn.lane_rules',
    );
    expect(rows[0].owned).toBe(20);
    await eventually(async () => {
      const left = await database.pool.query(
        'select from posthorn.lane_rules where owner is not null',
      );
      return left.rowCount === 0;
    }, 'all are free again');
  });

  it('is taken over from a worker that is frozen, and not from one that works', async () => {
    const workers = [await start({ scanEveryMs: 200 }), await start({ scanEveryMs: 200 })];
    const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 1 });
    // As a frozen worker: it holds its lock, and does nothing.
    const session = await database.pool.connect();
    await session.query('select pg_advisory_lock($1, 77)', [lockClass]);
    await session.query(
      `insert into posthorn.workers (number, host, pid, version, seen_at)
       values (77, 'frozen', 1, '1.2.3', now() + interval '1 hour')`,
    );
    await database.pool.query('update posthorn.lane_rules set owner = 77');
    await endpoint.enqueue(3);
    const scans = Promise.all(workers.map(({ events }) => once(events, 'scanned')));
    await scans;
    expect(receiver.requests).toHaveLength(0);
    await session.query(
      `update posthorn.workers set seen_at = now() - interval '21 s' where number = 77`,
    );
    await receiver.until((requests) => requests.length === 3);
    await session.query('delete from posthorn.workers where number = 77');
    await session.query('select pg_advisory_unlock($1, 77)', [lockClass]);
    session.release();
  });
});

function bodiesOf(requests: readonly Received[]): number[] {
  return requests.map(({ body }) => Number(body.toString()));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}
