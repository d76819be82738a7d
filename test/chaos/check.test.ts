import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Books } from '../../chaos/books.ts';
import { check } from '../../chaos/check.ts';
import { type Arrival, hashOf } from '../../chaos/traffic.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

// The checker of the chaos runs must notice what it is there for: each case harms a flawless run in one way.

const database = forFile(createTestDatabase);
let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterAll(() => client.end());

beforeEach(async () => {
  await database.empty();
  await client.query('delete from posthorn_graphile._private_jobs');
});

const startMs = Date.now();

interface World {
  readonly ids: readonly [string, string, string];
  acked: Map<string, string>;
  aborted: Set<string>;
  unknown: string[][];
  arrivals: Arrival[];
  readonly poison: Map<string, string>;
  longestGapS?: number;
  mostExtrasPercent?: number;
}

/** Three webhooks, each delivered with its second attempt; the first got a 500. */
async function flawless(): Promise<World> {
  const { rows } = await client.query<{ id: string; body: string }>(
    `insert into posthorn.outbox (url, body) select 'http://127.0.0.1/plain/1', n::text from generate_series(1, 3) as n
     returning id, body`,
  );
  await client.query('delete from posthorn.queue');
  await client.query(
    `insert into posthorn.attempts (webhook_id, number, worker, started_at, finished_at, status_code, error)
     select id, number, 1, now() + (number - 10) * interval '5 seconds', now() + (number - 10) * interval '5 seconds',
       case number when 1 then 500 else 200 end, case number when 1 then 'http_500' end
     from posthorn.outbox, generate_series(1, 2) as number`,
  );
  await client.query(
    `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
     select id, id, 1, 'delivered', 2 from posthorn.outbox`,
  );
  const ids = rows.map(({ id }) => id) as [string, string, string];
  const arrivals = [1, 2].flatMap((attempt) =>
    rows.map(
      ({ id, body }): Arrival => ({
        atMs: startMs + attempt,
        untilMs: startMs + attempt,
        hungUp: false,
        version: 0,
        id,
        attempt,
        answer: attempt === 1 ? 'failed' : 'accepted',
        isSigned: true,
        hash: hashOf(body),
        path: '/plain/1',
        skewS: 0,
      }),
    ),
  );
  const acked = new Map(rows.map(({ id, body }) => [id, hashOf(body)]));
  return {
    ids,
    acked,
    aborted: new Set(),
    unknown: [],
    arrivals,
    poison: new Map(),
  };
}

async function violationsOf(world: World): Promise<readonly string[]> {
  const { poison, longestGapS, mostExtrasPercent } = world;
  const books: Books = {
    ...world,
    hashes: world.acked,
    operator: { changes: new Map(), orders: [], poison },
  };
  const { violations } = await check({
    client,
    books,
    stage: {
      violations: [],
      figures: {},
      faults: [],
      deaths: [],
      rescues: [],
      backMs: [],
      loadMs: { from: startMs, to: startMs + 10_000 },
      lagMs: 0,
    },
    scenario: {
      name: 'test',
      ...(longestGapS === undefined ? {} : { longestGapS }),
      ...(mostExtrasPercent === undefined ? {} : { mostExtrasPercent }),
    },
    retryS: [1],
  });
  return violations;
}

/** The same webhook is at an endpoint, so long after the start and for so long. */
function arrive(
  { arrivals }: World,
  path: string,
  {
    at,
    forMs = 0,
    of = 0,
    ...more
  }: { at: number; forMs?: number; of?: number } & Partial<Arrival>,
): void {
  const atMs = startMs + at;
  arrivals.push({ ...(arrivals[of] as Arrival), path, atMs, untilMs: atMs + forMs, ...more });
}

const cancelInDatabase = (id: string) =>
  client.query(`update posthorn.outcomes set status = 'cancelled' where webhook_id = $1`, [id]);

it('finds nothing in a flawless run', async () => {
  expect(await violationsOf(await flawless())).toEqual([]);
});

const stranger = '01a20e8b-7718-7912-8026-e45150918600';

it.each<{ what: string; rule: RegExp; harm: (world: World) => unknown }>([
  {
    what: 'a committed webhook is gone',
    rule: /^I1 a committed webhook/,
    harm: ({ acked }) => acked.set(stranger, 'x'),
  },
  {
    what: 'a body was changed in the database',
    rule: /^I1 its body/,
    harm: ({ ids: [id] }) =>
      client.query(`update posthorn.outbox set body = 'other' where id = $1`, [id]),
  },
  {
    what: 'a rolled-back webhook is there',
    rule: /^I2 a rolled-back/,
    harm: ({ aborted, ids: [id] }) => aborted.add(id),
  },
  {
    what: 'half of a transaction is there',
    rule: /^I2 a transaction/,
    harm: ({ unknown, ids: [id] }) => unknown.push([id, stranger]),
  },
  {
    what: 'the receiver got what nobody committed',
    rule: /^I2 the receiver/,
    harm: ({ arrivals }) => arrivals.push({ ...(arrivals[0] as Arrival), id: stranger }),
  },
  {
    what: 'a webhook is left in the queue',
    rule: /^I1 all is quiet/,
    harm: ({ ids: [id] }) =>
      client.query(
        `insert into posthorn.queue (webhook_id, outbox_id, lane, due_at, priority) values ($1, $1, 1, now(), 1)`,
        [id],
      ),
  },
  {
    what: 'a webhook has no outcome',
    rule: /^I1 every webhook has an outcome/,
    harm: ({ ids: [id] }) =>
      client.query('delete from posthorn.outcomes where webhook_id = $1', [id]),
  },
  {
    what: 'a webhook failed',
    rule: /^I1 none failed/,
    harm: () => client.query(`update posthorn.outcomes set status = 'failed'`),
  },
  {
    what: 'delivered was never accepted',
    rule: /^I3 what is delivered/,
    harm: (world) => {
      world.arrivals = world.arrivals.filter(({ answer }) => answer !== 'accepted');
    },
  },
  {
    what: 'a request was not signed',
    rule: /^I3 every request/,
    harm: ({ arrivals }) => arrivals.push({ ...(arrivals[0] as Arrival), isSigned: false }),
  },
  {
    what: 'a body was changed on its way',
    rule: /^I3 every body/,
    harm: ({ arrivals }) => arrivals.push({ ...(arrivals[0] as Arrival), hash: 'x' }),
  },
  {
    what: 'it came again after it was recorded as delivered',
    rule: /^I4 nothing is sent again/,
    harm: ({ arrivals }) => arrivals.push({ ...(arrivals.at(-1) as Arrival), attempt: 3 }),
  },
  {
    what: 'more came again than deaths explain',
    rule: /^I4 at most/,
    harm: (world) => {
      world.mostExtrasPercent = 0.5;
      world.arrivals.push({ ...(world.arrivals.at(-1) as Arrival), attempt: 3 });
    },
  },
  {
    what: 'an attempt is open',
    rule: /^I5 no attempt is open/,
    harm: () => client.query('update posthorn.attempts set finished_at = null where number = 2'),
  },
  {
    what: 'an attempt is missing',
    rule: /^I5 attempts are numbered/,
    harm: () => client.query('delete from posthorn.attempts where number = 1'),
  },
  {
    what: 'the count of attempts is wrong',
    rule: /^I5 the count/,
    harm: () => client.query('update posthorn.outcomes set attempts = 3'),
  },
  {
    what: 'a retry came too early',
    rule: /^I6 no retry/,
    harm: () =>
      client.query(
        `update posthorn.attempts set started_at = started_at - interval '4.5 seconds' where number = 2`,
      ),
  },
  {
    what: 'a job stays locked',
    rule: /^I7 no Graphile job/,
    harm: async () => {
      await client.query(`select posthorn_graphile.add_job('deliver:99')`);
      await client.query(
        `update posthorn_graphile._private_jobs set locked_by = 'dead', locked_at = now() - interval '1 hour'`,
      );
    },
  },
  {
    what: 'something was cancelled that nobody cancelled',
    rule: /^I1 none failed or was cancelled/,
    harm: ({ ids: [id] }) => cancelInDatabase(id),
  },
  {
    what: 'a spoilt webhook failed without a reason',
    rule: /^a spoilt row ends/,
    harm: async ({ ids: [id], poison }) => {
      poison.set(id, 'a kind');
      await client.query(`update posthorn.outcomes set status = 'failed' where webhook_id = $1`, [
        id,
      ]);
    },
  },
  {
    what: 'a spoilt webhook has an outcome and is still in the queue',
    rule: /^a spoilt row ends/,
    harm: async ({ ids: [id], poison }) => {
      poison.set(id, 'a kind');
      await client.query(
        `insert into posthorn.queue (webhook_id, outbox_id, lane, due_at, priority) values ($1, $1, 1, now(), 1)`,
        [id],
      );
    },
  },
  {
    what: 'a spoilt webhook cost another one',
    rule: /^I1 none failed/,
    harm: async ({ ids: [id], poison }) => {
      poison.set(id, 'a kind');
      await client.query(`update posthorn.outcomes set status = 'failed', reason = 'x'`);
    },
  },
  {
    what: 'deliveries stopped for a while',
    rule: /^deliveries never stop/,
    harm: (world) => {
      world.longestGapS = 5;
      arrive(world, '/plain/1', { at: 5_500, answer: 'accepted' });
    },
  },
])('notices that $what', async ({ rule, harm }) => {
  const world = await flawless();
  await harm(world);
  const violations = await violationsOf(world);
  expect(
    violations.some((violation) => rule.test(violation)),
    violations.join('\n'),
  ).toBe(true);
});
