import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Books, Order } from '../../chaos/books.ts';
import { checkLimits } from '../../chaos/check-limits.ts';
import { checkCancelled } from '../../chaos/check-operator.ts';
import { checkOrder } from '../../chaos/check-order.ts';
import type { Finding } from '../../chaos/finding.ts';
import type { Change } from '../../chaos/settings.ts';
import { type Arrival, type EndpointName, endpoints, type Settings } from '../../chaos/traffic.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

// The checker of the chaos runs must notice when an endpoint's settings are not kept, and must not when all is as promised.

const database = forFile(createTestDatabase);
let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterAll(() => client.end());

const startMs = Date.now();
const ids = [
  '01a20e8b-7718-7912-8026-e45150918600',
  '01a20e8b-7718-7912-8026-e45150918601',
] as const;

/** The first webhook's, or a later one's. */
const idAfter = (n: number) => ids[0].slice(0, -2) + n.toString().padStart(2, '0');

interface World {
  readonly arrivals: Arrival[];
  readonly changes: Map<EndpointName, Change[]>;
  readonly orders: Order[];
  /** What was done to the run. */
  readonly faults: string[];
}

async function violationsOf(arrange: (world: World) => unknown): Promise<readonly string[]> {
  const world: World = { arrivals: [], changes: new Map(), orders: [], faults: [] };
  arrange(world);
  const { arrivals, changes, orders } = world;
  const books: Books = {
    acked: new Map(),
    aborted: new Set(),
    unknown: [],
    hashes: new Map(),
    arrivals,
    operator: { changes, orders, poison: new Map() },
  };
  const violations: string[] = [];
  const finding: Finding = {
    subject: {
      client,
      books,
      stage: {
        violations: [],
        figures: {},
        faults: world.faults.map((what) => ({ atMs: startMs, what })),
        deaths: [],
        rescues: [],
        backMs: [],
        loadMs: undefined,
        lagMs: 0,
      },
      scenario: { name: 'test' },
      retryS: [1],
    },
    figures: {},
    expectNone: (rule, found) => {
      if (found.length > 0) violations.push(rule);
    },
  };
  checkLimits(finding);
  await checkOrder(finding);
  checkCancelled(finding);
  return violations;
}

/** A webhook, the first or the second, is at an endpoint so long after the start and for so long. */
function arrive(
  { arrivals }: World,
  path: string,
  { at, forMs = 0, of = 0, ...more }: { at: number; forMs?: number; of?: 0 | 1 } & Partial<Arrival>,
): void {
  arrivals.push({
    atMs: startMs + at,
    untilMs: startMs + at + forMs,
    hungUp: false,
    id: ids[of],
    attempt: arrivals.length,
    answer: 'accepted',
    isSigned: true,
    hash: '',
    path,
    version: 0,
    skewS: 0,
    ...more,
  });
}

/** The operator changes settings so long after the start, in 10 ms. */
function change(
  { changes }: World,
  name: EndpointName,
  { at, ...settings }: { at: number } & Partial<Settings>,
): void {
  const before = changes.get(name) ?? [];
  const after = { ...(before.at(-1)?.after ?? endpoints[name]), ...settings };
  const fromMs = startMs + at;
  changes.set(name, [...before, { fromMs, toMs: fromMs + 10, tried: after, after }]);
}

/** The operator cancels or retries the first webhook so long after the start. */
function order({ orders }: World, event: Order['event'], at: number): void {
  const fromMs = startMs + at;
  orders.push({ event, id: ids[0], endpoint: 'ordered', fromMs, toMs: fromMs + 10, took: true });
}

type Settled = { what: string; rule: string; arrange: (world: World) => unknown };

const atOnce = (world: World, path: string, times: readonly { at: number; forMs: number }[]) => {
  for (const time of times) arrive(world, path, time);
};

const kept = {
  limit: 'max_in_flight is kept',
  pause: 'nothing is sent to a paused endpoint',
  rate: 'rate_limit_per_s is kept',
  settings: "a request has the endpoint's URL and headers of the time",
  order: 'an ordered endpoint is served in order',
  cancelled: 'nothing is sent of what was cancelled',
  repeats: 'an ordered endpoint gets again only what came last',
} as const;

/** A burst of requests that do not overlap, evenly over some time. */
const burst = (
  world: World,
  path: string,
  { from, count, overMs }: Record<'from' | 'count' | 'overMs', number>,
) =>
  atOnce(
    world,
    path,
    Array.from({ length: count }, (_, at) => ({ at: from + (at * overMs) / count, forMs: 0 })),
  );

it.each<Settled>([
  {
    what: 'more requests were open at once than max_in_flight ever allowed',
    rule: kept.limit,
    arrange: (world) =>
      atOnce(
        world,
        '/limited',
        [0, 1, 2, 3, 4].map((at) => ({ at, forMs: 100 })),
      ),
  },
  {
    what: 'a lowered max_in_flight was not kept',
    rule: kept.limit,
    arrange: (world) => {
      change(world, 'narrow', { at: 0, maxInFlight: 1 });
      atOnce(world, '/narrow', [
        { at: 3_000, forMs: 100 },
        { at: 3_050, forMs: 100 },
      ]);
    },
  },
  {
    what: 'an unlimited endpoint that became ordered had two requests open',
    rule: kept.limit,
    arrange: (world) => {
      change(world, 'mixed', { at: 0, isOrdered: true });
      atOnce(world, '/mixed', [
        { at: 3_000, forMs: 100 },
        { at: 3_050, forMs: 100 },
      ]);
    },
  },
  {
    what: 'a limit was raised, and even the new one was not kept',
    rule: kept.limit,
    arrange: (world) => {
      change(world, 'narrow', { at: 0, maxInFlight: 3 });
      atOnce(
        world,
        '/narrow',
        [0, 1, 2, 3].map((at) => ({ at: 3_000 + at, forMs: 100 })),
      );
    },
  },
  {
    what: 'something was sent to a paused endpoint',
    rule: kept.pause,
    arrange: (world) => {
      change(world, 'mixed', { at: 0, isPaused: true });
      arrive(world, '/mixed', { at: 3_000 });
    },
  },
  {
    what: 'a rate was not kept within a second',
    rule: kept.rate,
    arrange: (world) => burst(world, '/rated', { from: 0, count: 30, overMs: 900 }),
  },
  {
    what: 'a rate was not kept over five seconds, though in each of them nearly',
    rule: kept.rate,
    arrange: (world) => burst(world, '/rated', { from: 0, count: 125, overMs: 5_000 }),
  },
  {
    what: 'a lowered rate was not kept',
    rule: kept.rate,
    arrange: (world) => {
      change(world, 'paced', { at: 0, ratePerS: 4 });
      burst(world, '/paced', { from: 3_000, count: 10, overMs: 900 });
    },
  },
  {
    what: 'a request went to a URL of long before',
    rule: kept.settings,
    arrange: (world) => {
      change(world, 'narrow', { at: 0, version: 1 });
      arrive(world, '/narrow', { at: 3_000, version: 1 });
    },
  },
  {
    what: 'a request had headers that were never set',
    rule: kept.settings,
    arrange: (world) => {
      change(world, 'narrow', { at: 0, version: 1 });
      arrive(world, '/narrow?v=1', { at: 3_000, version: 2 });
    },
  },
  {
    what: 'something was sent after it was cancelled',
    rule: kept.cancelled,
    arrange: (world) => {
      order(world, 'cancel', 100);
      arrive(world, '/plain/1', { at: 2_500 });
    },
  },
  {
    what: 'an ordered endpoint got the second webhook first',
    rule: kept.order,
    arrange: (world) => {
      arrive(world, '/ordered', { of: 1, at: 0, answer: 'accepted' });
      arrive(world, '/ordered', { of: 0, at: 10, answer: 'accepted' });
    },
  },
  {
    what: 'an ordered endpoint got the second webhook before it had answered the first',
    rule: kept.order,
    arrange: (world) => {
      arrive(world, '/ordered', { of: 0, at: 0, forMs: 100, answer: 'accepted' });
      arrive(world, '/ordered', { of: 1, at: 50, answer: 'accepted' });
    },
  },
  {
    what: 'an ordered endpoint got the second webhook between two attempts of the first',
    rule: kept.order,
    arrange: (world) => {
      arrive(world, '/ordered', { of: 0, at: 0, answer: 'failed' });
      arrive(world, '/ordered', { of: 1, at: 50, answer: 'accepted' });
      arrive(world, '/ordered', { of: 0, at: 100, answer: 'accepted' });
    },
  },
  {
    what: 'an ordered endpoint got the second webhook, and the first was cancelled only later',
    rule: kept.order,
    arrange: (world) => {
      arrive(world, '/ordered', { of: 0, at: 0, answer: 'failed' });
      arrive(world, '/ordered', { of: 1, at: 50, answer: 'accepted' });
      order(world, 'cancel', 100);
    },
  },
  {
    what: 'an ordered endpoint got a webhook again long after it had accepted it',
    rule: kept.repeats,
    arrange: (world) => {
      for (let n = 0; n < 18; n += 1) arrive(world, '/ordered', { at: n, id: idAfter(n) });
      arrive(world, '/ordered', { at: 20 });
    },
  },
  {
    what: 'an endpoint that became ordered got the second webhook first',
    rule: kept.order,
    arrange: (world) => {
      change(world, 'mixed', { at: 0, isOrdered: true });
      arrive(world, '/mixed', { of: 1, at: 3_000, answer: 'accepted' });
      arrive(world, '/mixed', { of: 0, at: 3_010, answer: 'accepted' });
    },
  },
  {
    what: 'an ordered endpoint was served in another order, though workers were frozen',
    rule: kept.order,
    arrange: (world) => {
      world.faults.push('SIGSTOP worker 1');
      arrive(world, '/ordered', { of: 1, at: 0, answer: 'accepted' });
      arrive(world, '/ordered', { of: 0, at: 10, answer: 'accepted' });
    },
  },
])('notices that $what', async ({ rule, arrange }) => {
  expect(await violationsOf(arrange)).toContain(rule);
});

it.each<Omit<Settled, 'rule'>>([
  {
    what: 'an ordered endpoint got its last sixteen webhooks again when a worker was killed',
    arrange: (world) => {
      for (let n = 0; n < 17; n += 1) arrive(world, '/ordered', { at: n, id: idAfter(n) });
      for (let n = 0; n < 17; n += 1) arrive(world, '/ordered', { at: 20 + n, id: idAfter(n) });
    },
  },
  {
    what: 'as many are open as the limit allows',
    arrange: (world) =>
      atOnce(
        world,
        '/limited',
        [0, 1, 2, 3].map((at) => ({ at, forMs: 100 })),
      ),
  },
  {
    what: 'what was in flight goes on beside the new when a limit is lowered',
    arrange: (world) => {
      change(world, 'narrow', { at: 0, maxInFlight: 6 });
      change(world, 'narrow', { at: 100, maxInFlight: 1 });
      atOnce(world, '/narrow', [
        { at: 50, forMs: 4_000 },
        { at: 60, forMs: 4_000 },
        { at: 3_000, forMs: 100 },
      ]);
    },
  },
  {
    what: 'the answer to a raised limit was lost, and it is in force already',
    arrange: ({ changes, ...world }) => {
      const wide = { ...endpoints.narrow, maxInFlight: 6 };
      const lost = { fromMs: startMs, toMs: startMs + 9_000, tried: wide, after: endpoints.narrow };
      changes.set('narrow', [lost]);
      atOnce(
        { changes, ...world },
        '/narrow',
        [0, 1, 2].map((at) => ({ at: 3_000 + at, forMs: 100 })),
      );
    },
  },
  {
    what: 'a killed worker is taken over the moment its connection is gone',
    arrange: (world) => {
      for (const at of [0, 1, 2, 3]) arrive(world, '/limited', { at, forMs: 100, hungUp: true });
      arrive(world, '/limited', { at: 99, forMs: 10 });
    },
  },
  {
    what: 'a frozen worker goes on beside the one that took over',
    arrange: (world) => {
      world.faults.push('SIGSTOP worker 1');
      atOnce(
        world,
        '/limited',
        [0, 1, 2, 3, 4].map((at) => ({ at, forMs: 100 })),
      );
    },
  },
  {
    what: 'a request is on its way when its endpoint is paused',
    arrange: (world) => {
      change(world, 'mixed', { at: 0, isPaused: true });
      arrive(world, '/mixed', { at: 500, forMs: 4_000 });
    },
  },
  {
    what: 'an endpoint goes on after its pause',
    arrange: (world) => {
      change(world, 'mixed', { at: 0, isPaused: true });
      change(world, 'mixed', { at: 3_000, isPaused: false });
      arrive(world, '/mixed', { at: 3_001 });
    },
  },
  {
    what: 'a rate is used with its burst',
    arrange: (world) => burst(world, '/rated', { from: 0, count: 23, overMs: 999 }),
  },
  {
    what: 'a broken connection is tried again at once',
    arrange: (world) => {
      burst(world, '/rated', { from: 0, count: 20, overMs: 999 });
      for (let more = 0; more < 20; more += 1) arrive(world, '/rated', { at: 500, attempt: 0 });
    },
  },
  {
    what: 'a webhook goes on behind one that was cancelled',
    arrange: (world) => {
      arrive(world, '/ordered', { of: 0, at: 0, answer: 'failed' });
      order(world, 'cancel', 50);
      arrive(world, '/ordered', { of: 1, at: 60, answer: 'accepted' });
      order(world, 'retry', 70);
      arrive(world, '/ordered', { of: 0, at: 100, answer: 'accepted' });
    },
  },
  {
    what: 'order does not matter before an endpoint is ordered',
    arrange: (world) => {
      change(world, 'mixed', { at: 1_000, isOrdered: true });
      arrive(world, '/mixed', { of: 1, at: 0, answer: 'accepted' });
      arrive(world, '/mixed', { of: 0, at: 10, answer: 'accepted' });
    },
  },
  {
    what: 'a webhook is sent after it was cancelled and put back',
    arrange: (world) => {
      order(world, 'cancel', 100);
      order(world, 'retry', 200);
      arrive(world, '/plain/1', { at: 3_000 });
    },
  },
])('says nothing when $what', async ({ arrange }) => {
  expect(await violationsOf(arrange)).toEqual([]);
});
