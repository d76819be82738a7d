import { beforeAll, expect, it } from 'vitest';
import { recordAttempts } from '../../src/deliver/attempt-record.ts';
import { Breakers } from '../../src/deliver/breakers.ts';
import { claimWebhooks } from '../../src/deliver/claim.ts';
import type { AttemptResult } from '../../src/domain/attempt-result.ts';
import { breakerNews, hasAnswered, isAlive, type LaneResult } from '../../src/domain/breaker.ts';
import { classify } from '../../src/domain/classify.ts';
import { createEvents } from '../../src/events.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase } from '../support/database.ts';
import { ask, clear } from '../support/rows.ts';
import { scanAll } from '../support/scan.ts';
import { forFile } from '../support/world.ts';

// A host with a path for each webhook, as callback URLs have: it dies, is asked by one webhook per interval, and comes back. And a
// host that answers, of which one path hangs.

const host = 'http://callbacks.example';
const paths = 20_000;
const database = forFile(createTestDatabase);
let origin: string;

beforeAll(async () => {
  const rows = await ask<{ origin: string }>(database, 'select posthorn.origin_of($1) as origin', [
    host,
  ]);
  origin = rows[0]?.origin ?? '';
});

const worker = () =>
  new Breakers({ pool: database.pool, events: createEvents(), log: createLog('silent') });

const unmeasured = { durationMs: 1, retriedConnection: false };
const silence: AttemptResult = { kind: 'error', code: 'timeout', message: '', ...unmeasured };
const answer = (statusCode: number): AttemptResult => ({
  ...{ kind: 'response', statusCode, retryAfter: undefined, location: undefined },
  ...{ body: new Uint8Array(), truncated: false, contentEncoding: undefined, ...unmeasured },
});

/** What the sender and the recorder do with results that end together. */
async function ended(
  breakers: Breakers,
  results: readonly { lane: string; result: AttemptResult; probe?: LaneResult['probe'] }[],
): Promise<void> {
  const groups = { tenant: null, origin };
  const news = breakerNews(
    results.map(({ lane, result, probe }) => {
      const verdict = classify(result, new Date());
      breakers.judge({ lane, groups, isProbe: probe !== undefined }, { result, verdict });
      const url = `${host}/${lane}`;
      return { lane, origin, url, verdict, answered: hasAnswered(result, verdict), probe };
    }),
  );
  const alive = news.filter(isAlive).map(({ key }) => key);
  const rows = await recordAttempts(database.pool, [], { alive, startedMs: 0 });
  await breakers.tellClosed(rows);
  await breakers.count(news);
}

const breakerRows = () =>
  ask<{ key: string; state: string; consecutive: number }>(
    database,
    'select key, state, consecutive from posthorn.breakers order by key = origin',
  );
const age = (seconds: number) =>
  ask(
    database,
    `update posthorn.breakers
     set failing_since = failing_since - $1 * interval '1 second', open_until = open_until - $1 * interval '1 second'`,
    [seconds],
  );
const scan = () => scanAll(database, 1, { maxHeads: 500 });

it('20,000 paths of a dead host have one row, are probed once an interval, and all come back', async () => {
  await clear(database);
  await database.pool.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, origin, priority, due_at)
     select gen_random_uuid(), gen_random_uuid(), n, $1::bigint, 1, now() - interval '1 minute'
     from generate_series(1, $2::integer) as n`,
    [origin, paths],
  );
  const workers = [worker(), worker(), worker()] as const;
  const fail = async (from: number, to: number) => {
    for (const [at, breakers] of workers.entries()) {
      const lanes = Array.from({ length: to - from }, (_, n) => String(from + n)).filter(
        (lane) => Number(lane) % workers.length === at,
      );
      await ended(
        breakers,
        lanes.map((lane) => ({ lane, result: silence })),
      );
    }
  };
  await fail(1, 600);
  // Their retries as well.
  await fail(1, 600);
  expect(await breakerRows()).toMatchObject([{ key: origin, state: 'closed' }]);
  await age(11);
  await fail(600, 700);
  expect(await breakerRows()).toMatchObject([{ key: origin, state: 'open' }]);
  await fail(700, 900);
  expect(await breakerRows()).toHaveLength(1);

  const versions = () =>
    ask(
      database,
      `select md5(string_agg(webhook_id || xmin::text, '' order by lane)) from posthorn.queue`,
    );
  const untouched = await versions();
  const { webhooks, discovered } = await claimWebhooks(database.pool, {
    ...{ workerNumber: 1, limit: 500, constrained: {}, usualSlots: 8, usualGroupSlots: 500 },
    ...{ leaseS: 120, windowFromMs: 0, wishes: [] },
  });
  expect(webhooks).toEqual([]);
  expect(new Set(discovered.map(({ access }) => access))).toEqual(new Set(['blocked']));
  expect(await scan()).toEqual([]);
  expect(await versions()).toEqual(untouched);

  for (const result of [silence, answer(500)]) {
    await age(1_000);
    const probes = await Promise.all(
      workers.map(async (breakers, at) => {
        const probeLanes = (await scan()).slice(0, 1).map(({ lane }) => ({ lane, origin }));
        expect(probeLanes).toHaveLength(1);
        return breakers.takeProbes({ workerNumber: at + 1, limit: 20, leaseS: 120, probeLanes });
      }),
    );
    const [probe, ...others] = probes.flat();
    expect(others).toEqual([]);
    if (probe === undefined) throw new Error('no probe');
    expect(probe).toMatchObject({ isProbe: true, groups: { origin } });
    await ended(workers[0], [{ lane: probe.lane, result, probe }]);
  }
  // The answer is a failure of its lane alone.
  expect(await breakerRows()).toMatchObject([{ state: 'closed', consecutive: 1 }]);
  const found = await scan();
  expect(found).toHaveLength(paths);
  expect(new Set(found.map(({ access }) => access))).toEqual(new Set(['anyone']));
});

it('a path that hangs beside others that answer opens its own breaker, and the others go on', async () => {
  await clear(database);
  const breakers = worker();
  for (let round = 0; round < 6; round += 1) {
    await ended(breakers, [
      { lane: '1', result: silence },
      { lane: '2', result: answer(200) },
    ]);
    await ended(breakers, [{ lane: '1', result: silence }]);
    await age(5);
  }
  expect((await breakerRows()).filter(({ state }) => state === 'open')).toMatchObject([
    { key: '1' },
  ]);
});

it('one path that hangs while nothing else is sent opens its own breaker, not that of the host', async () => {
  await clear(database);
  const breakers = worker();
  for (let round = 0; round < 6; round += 1) {
    await ended(breakers, [{ lane: '1', result: silence }]);
    await age(5);
  }
  expect(await breakerRows()).toMatchObject([
    { key: '1', state: 'open' },
    { key: origin, state: 'closed' },
  ]);
});

it('answers that are failures never open the host, however many', async () => {
  await clear(database);
  const breakers = worker();
  const lanes = Array.from({ length: 150 }, (_, n) => String(n + 1));
  for (let round = 0; round < 6; round += 1) {
    await ended(
      breakers,
      lanes.map((lane) => ({ lane, result: answer(500) })),
    );
    await age(5);
  }
  const rows = await breakerRows();
  expect(rows).toHaveLength(100);
  expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(['open']));
  expect(rows.map(({ key }) => key)).not.toContain(origin);
});
