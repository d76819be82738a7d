import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { runSql, type SqlValues, sqlFile } from '../../src/db/sql-file.ts';
import { Breakers } from '../../src/deliver/breakers.ts';
import type { BreakerNews, ProbeAttempt } from '../../src/domain/breaker.ts';
import { createEvents } from '../../src/events.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

// The breaker of one lane against a model of it: random events in random order, with time moved by aging the rows.
// A failure prints its seed and path, which replay it.

const lane = '42';
/** Literals, so that the model does not follow a threshold that is changed by mistake. */
const rules = { failures: 5, overS: 10, openS: 30, maxOpenS: 900 };
const leaseS = 90;
const database = forFile(createTestDatabase);
let breakers: Breakers;

beforeAll(async () => {
  breakers = new Breakers({
    pool: database.pool,
    events: createEvents(),
    log: createLog('silent'),
  });
});

/** What the breaker should be. Times in seconds on the model's clock. */
interface Model {
  now: number;
  row: Row | undefined;
  /** Probes that have not ended, oldest first; of all but one the lease has run out, or the breaker closed meanwhile. */
  probes: Probe[];
}

interface Probe extends ProbeAttempt {
  readonly leasedBy: number;
}

interface Row {
  state: 'open' | 'closed';
  consecutive: number;
  trips: number;
  failingSince: number;
  openUntil: number;
  /** Until the comparison has seen the real one. */
  openUntilLeast: number;
  /** The one that the breaker listens to. */
  probe: Probe | undefined;
  probeUntil: number;
  throttledUntil: number;
}

type Step =
  | { readonly kind: 'fail'; readonly count: number; readonly afterSuccess: boolean }
  | { readonly kind: 'succeed' }
  | { readonly kind: 'pause'; readonly seconds: number }
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'probe' }
  | { readonly kind: 'endProbe'; readonly how: ProbeEnd; readonly isOldest: boolean };

const probeEnds = ['failed', 'succeeded', 'released', 'given back', 'died'] as const;
type ProbeEnd = (typeof probeEnds)[number];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('fail' as const),
      count: fc.integer({ min: 1, max: 4 }),
      afterSuccess: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('succeed' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('pause' as const),
      seconds: fc.integer({ min: 1, max: 300 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      seconds: fc.constantFrom(1, 7, 40, 100, 1_200),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('probe' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('endProbe' as const),
      how: fc.constantFrom(...probeEnds),
      isOldest: fc.boolean(),
    }),
  },
);

const failing: Step = { kind: 'fail', count: 4, afterSuccess: false };
const opening: readonly Step[] = [
  failing,
  { kind: 'pass', seconds: 40 },
  failing,
  { kind: 'pass', seconds: 40 },
];
const probing: Step = { kind: 'probe' };
/**
 * From the beginning; from an open breaker whose probe is due; from one whose probe is out; from one that has sent another
 * as the lease of the first ran out. What is rare otherwise happens often then.
 */
const beginning = fc.constantFrom<readonly Step[]>(
  [],
  opening,
  [...opening, probing],
  [...opening, probing, { kind: 'pass', seconds: 100 }, probing],
);

it('behaves as its model, whatever happens in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(
      beginning,
      fc.array(step, { minLength: 5, maxLength: 25 }),
      async (before, steps) => {
        // Deleted and not truncated, which is quicker.
        await database.pool.query(
          `delete from posthorn.breakers;
         delete from posthorn.queue;
         delete from posthorn.attempts;
         insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
         select id, id, ${lane}, 1, now() from (select posthorn.uuid_v7() as id from generate_series(1, 10)) as ids`,
        );
        const model: Model = { now: 0, row: undefined, probes: [] };
        for (const one of [...before, ...steps]) {
          await perform(model, one);
          await compare(model, one);
        }
      },
    ),
    { numRuns: 60 },
  );
});

it('opens with the fifth failure in a row, if that comes ten seconds after the first', async () => {
  /** Whether it opens with the last of so many failures, of which the first was so long ago. */
  const opensWith = async (count: number, overS: number): Promise<boolean> => {
    for (;;) {
      await database.pool.query('delete from posthorn.breakers');
      await breakers.count([news({ failures: count - 1 })]);
      await database.pool.query(
        `update posthorn.breakers set failing_since = clock_timestamp() - $1 * interval '1 second'`,
        [overS],
      );
      const agedMs = performance.now();
      await breakers.count([news({ failures: 1 })]);
      // More time has passed than the test is about: once more.
      if (performance.now() - agedMs > 900) continue;
      const { rows } = await database.pool.query('select state from posthorn.breakers');
      return rows[0]?.state === 'open';
    }
  };
  expect(await opensWith(4, 3_600)).toBe(false);
  expect(await opensWith(5, 10)).toBe(true);
  expect(await opensWith(5, 9)).toBe(false);
});

it('during an outage of our own neither failures nor a probe that failed say anything about the lane', async () => {
  const down = new Breakers({
    pool: database.pool,
    events: createEvents(),
    log: createLog('silent'),
  });
  const refused = { reason: 'connection_refused', notBeforeMs: undefined } as const;
  for (let n = 0; n < 10; n += 1) {
    down.judge(
      { lane: `lane ${n}`, groups: { tenant: null, origin: `origin ${n}` }, isProbe: false },
      {
        result: { kind: 'error', code: refused.reason, message: '', ...unmeasured },
        verdict: { kind: 'retry', pressure: 'broken', ...refused },
      },
    );
  }
  expect(down.isEgressDown).toBe(true);
  const probe = { webhookId: '0199c0de-0000-7000-8000-000000000001', number: 3 };
  await database.pool.query('delete from posthorn.breakers');
  await database.pool.query(
    `insert into posthorn.breakers (key, url, state, consecutive, trips, failing_since, open_until, probe_until, probe_webhook, probe_attempt)
     values ($1, '', 'open', 6, 1, now() - interval '1 hour', now(), now() + interval '1 minute', $2, $3),
       (43, '', 'closed', 4, 0, now() - interval '1 hour', null, null, null, null)`,
    [lane, probe.webhookId, probe.number],
  );
  await down.count([
    news({ failures: 1, probes: [{ ...probe, failed: true }] }),
    { ...news({ failures: 9 }), key: '43' },
  ]);
  const { rows } = await database.pool.query(
    'select key::integer as lane, state, consecutive, trips, probe_webhook from posthorn.breakers order by 1',
  );
  expect(rows).toEqual([
    { lane: 42, state: 'open', consecutive: 6, trips: 1, probe_webhook: null },
    { lane: 43, state: 'closed', consecutive: 4, trips: 0, probe_webhook: null },
  ]);
});

const unmeasured = { durationMs: 1, retriedConnection: false };

async function perform(model: Model, one: Step): Promise<void> {
  switch (one.kind) {
    case 'fail':
      await breakers.count([news({ failures: one.count, succeeded: one.afterSuccess })]);
      return fail(model, one);
    case 'succeed':
      await succeed();
      return heal(model);
    case 'pause':
      await breakers.count([news({ pauseS: one.seconds })]);
      model.row ??= fresh(model.now);
      model.row.throttledUntil = Math.max(model.row.throttledUntil, model.now + one.seconds);
      return;
    case 'pass':
      model.now += one.seconds;
      return age(one.seconds);
    case 'probe':
      return probe(model);
    case 'endProbe':
      return endProbe(model, one);
    default:
      return one satisfies never;
  }
}

function fail(model: Model, { count, afterSuccess }: { count: number; afterSuccess: boolean }) {
  model.row ??= fresh(model.now);
  const { row, now } = model;
  // Open, it listens to its probe alone.
  if (row.state === 'open') return;
  if (afterSuccess || row.consecutive === 0) row.failingSince = now;
  row.consecutive = afterSuccess ? count : row.consecutive + count;
  const isLong = now - row.failingSince >= rules.overS;
  if (row.consecutive >= rules.failures && isLong) open(row, now);
}

/** openUntil is the latest it may be; the comparison takes the real one over. */
function open(row: Row, now: number): void {
  row.state = 'open';
  const openS = Math.min(rules.openS * 2 ** row.trips, rules.maxOpenS);
  row.openUntil = now + openS * 1.2;
  row.openUntilLeast = now + openS * 0.8;
  row.trips += 1;
  forgetProbe(row);
}

/** The same interval anew: it says nothing about the lane, and must not be sent again at once. */
function release(row: Row, now: number): void {
  const openS = Math.min(rules.openS * 2 ** (row.trips - 1), rules.maxOpenS);
  row.openUntil = now + openS * 1.2;
  row.openUntilLeast = now + openS * 0.8;
  forgetProbe(row);
}

function forgetProbe(row: Row): void {
  row.probe = undefined;
  row.probeUntil = Number.NEGATIVE_INFINITY;
}

function heal(model: Model): void {
  const { row, now } = model;
  if (row === undefined) return;
  if (row.throttledUntil <= now) {
    model.row = undefined;
  } else {
    Object.assign(row, { ...fresh(row.failingSince), throttledUntil: row.throttledUntil });
  }
}

async function probe(model: Model): Promise<void> {
  // Both workers want it: together they get one at most.
  const asked = [1, 2].map((workerNumber) =>
    breakers.takeProbes({ workerNumber, limit: 10, leaseS, probeLanes: [] }),
  );
  const { row, now } = model;
  const isRipe =
    row !== undefined &&
    row.state === 'open' &&
    row.openUntil <= now &&
    row.probeUntil <= now &&
    row.throttledUntil <= now;
  const [taken, ...others] = (await Promise.all(asked)).flat();
  expect(others).toEqual([]);
  expect(taken !== undefined).toBe(isRipe);
  if (!isRipe || taken === undefined) return;
  row.probe = taken;
  row.probeUntil = now + leaseS;
  model.probes.push(taken);
}

async function endProbe(
  model: Model,
  { how, isOldest }: { how: ProbeEnd; isOldest: boolean },
): Promise<void> {
  const { row, now } = model;
  const probe = isOldest ? model.probes.shift() : model.probes.pop();
  if (probe === undefined) return;
  await endInDatabase(probe, how);
  const isAwaited = row?.probe === probe;
  switch (how) {
    case 'succeeded':
      return heal(model);
    case 'failed':
      if (row?.state === 'open' && isAwaited) {
        row.consecutive += 1;
        open(row, now);
      } else {
        fail(model, { count: 1, afterSuccess: false });
      }
      return;
    case 'released':
      if (row?.state === 'open' && isAwaited) release(row, now);
      return;
    case 'given back':
      // Never sent: another one may be sent at once.
      if (row !== undefined && isAwaited) forgetProbe(row);
      return;
    case 'died':
      if (row?.probe?.leasedBy === probe.leasedBy) forgetProbe(row);
      return;
    default:
      return how satisfies never;
  }
}

/** What the engine does when a probe ends so. */
async function endInDatabase(probe: Probe, how: ProbeEnd): Promise<void> {
  const { webhookId, number, leasedBy } = probe;
  switch (how) {
    case 'succeeded':
      await succeed();
      break;
    case 'failed':
    case 'released': {
      const failed = how === 'failed';
      await breakers.count([
        news({ failures: failed ? 1 : 0, probes: [{ webhookId, number, failed }] }),
      ]);
      break;
    }
    case 'given back':
      await run('give-back', {
        webhookIds: [webhookId],
        numbers: [number],
        workerNumber: leasedBy,
      });
      break;
    case 'died':
      await run('rescue', { workerNumber: leasedBy, keptIds: [] });
      break;
    default:
      how satisfies never;
  }
  // The webhooks themselves are not part of this model: each waits again at once.
  await database.pool.query(
    `update posthorn.queue
     set lease_until = null, leased_by = null, uncounted = 0, due_at = now() - interval '1 minute'
     where (webhook_id = $1 and attempts = $2) or leased_by is null`,
    [webhookId, number],
  );
}

async function compare(model: Model, after: Step): Promise<void> {
  const { rows } = await database.pool.query<{
    state: string;
    consecutive: number;
    trips: number;
    open_in: number | null;
  }>(
    `select state, consecutive, trips, extract(epoch from open_until - clock_timestamp())::float8 as open_in
     from posthorn.breakers where key = $1`,
    [lane],
  );
  const [real] = rows;
  const { row, now } = model;
  const what = `after ${JSON.stringify(after)}`;
  if (row === undefined) {
    expect(real, what).toBeUndefined();
    return;
  }
  expect(real, what).toMatchObject({
    state: row.state,
    consecutive: row.consecutive,
    trips: row.trips,
  });
  if (row.state !== 'open' || after.kind === 'pass') return;
  // Jitter of 20 % either way; from here on the model knows the interval that was drawn.
  const openUntil = now + (real?.open_in ?? 0);
  expect(openUntil, what).toBeLessThanOrEqual(row.openUntil + 1);
  expect(openUntil, what).toBeGreaterThanOrEqual(row.openUntilLeast - 1);
  row.openUntil = openUntil;
  row.openUntilLeast = openUntil;
}

function fresh(failingSince: number): Row {
  return {
    state: 'closed',
    consecutive: 0,
    trips: 0,
    failingSince,
    openUntil: Number.NEGATIVE_INFINITY,
    openUntilLeast: Number.NEGATIVE_INFINITY,
    probe: undefined,
    probeUntil: Number.NEGATIVE_INFINITY,
    throttledUntil: Number.NEGATIVE_INFINITY,
  };
}

function news(some: Partial<BreakerNews>): BreakerNews {
  return {
    key: lane,
    url: 'http://a.example/',
    isOrigin: false,
    failures: 0,
    hasRefused: true,
    onlyLane: null,
    succeeded: false,
    probeSucceeded: false,
    probes: [],
    error: 'http_500',
    pauseS: null,
    ...some,
  };
}

/** Records nothing but that the lane is alive, as a batch with a 2xx does. */
async function succeed(): Promise<void> {
  const nothing = sqlFile('record').parameters.map((name) => [name, []]);
  await run('record', { ...Object.fromEntries(nothing), aliveKeys: [lane] });
}

function run(name: string, values: SqlValues): Promise<unknown> {
  return runSql(database.pool, sqlFile(name), values);
}

async function age(seconds: number): Promise<void> {
  await database.pool.query(
    `update posthorn.breakers set
       failing_since = failing_since - $1 * interval '1 second',
       open_until = open_until - $1 * interval '1 second',
       probe_until = probe_until - $1 * interval '1 second',
       throttled_until = throttled_until - $1 * interval '1 second'`,
    [seconds],
  );
  await database.pool.query(
    `update posthorn.queue set lease_until = lease_until - $1 * interval '1 second'`,
    [seconds],
  );
}
