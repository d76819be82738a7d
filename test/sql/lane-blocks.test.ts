import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { claimWebhooks } from '../../src/deliver/claim.ts';
import type { DiscoveredLane } from '../../src/lanes/lane.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { of } from '../support/placed.ts';
import { ask, type Columns, clear, inS, plant, plantQueue, runFile } from '../support/rows.ts';
import { scanAll } from '../support/scan.ts';

// posthorn.lane_blocks defines why a lane is not sent to. The statements that send are planned around that question and say it
// in their own words: here they are compared with the definition, over every rule with every breaker. A reason that is added to
// the view and not to them fails here, and the other way round.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const later = inS(3_600);
const before = inS(-5);
const me = 1;

const rules: readonly (Columns | undefined)[] = [
  undefined,
  ...[false, true].flatMap((is_held) =>
    [null, before, later].flatMap((retry_at) =>
      [false, true].map((is_ordered) => ({ is_held, retry_at, is_ordered, owner: me })),
    ),
  ),
];

const breakers: readonly (Columns | undefined)[] = [
  undefined,
  ...['closed', 'open'].flatMap((state) =>
    [before, later].flatMap((open_until) =>
      [null, before, later].flatMap((throttled_until) =>
        [null, inS(3_570)].map((last_failure_at) => ({
          ...{ state, open_until, throttled_until, last_failure_at },
        })),
      ),
    ),
  ),
];

interface Block {
  readonly lane: string;
  readonly reason: string;
  readonly is_over: boolean;
}

/** A lane with one due webhook for every rule with every breaker; which lane is which, and why each is not sent to. */
async function plantAll(): Promise<{ lanes: string[]; blocks: Map<string, Block[]> }> {
  const lanes = rules.flatMap((rule) => breakers.map((breaker) => ({ rule, breaker })));
  const columns = lanes.map((one, at) => ({ ...one, lane: at + 1 }));
  await plantQueue(
    database,
    columns.map(({ lane }) => ({ n: lane, lane })),
  );
  await plant(
    database,
    'lane_rules',
    columns.flatMap(({ lane, rule }) => (rule === undefined ? [] : [{ lane, ...rule }])),
  );
  await plant(
    database,
    'breakers',
    columns.flatMap(({ lane, breaker }) =>
      breaker === undefined ? [] : [{ key: lane, url: 'http://a.example/', ...breaker }],
    ),
  );
  const found = await ask<Block>(
    database,
    'select key::text as lane, reason, coalesce(until <= now(), false) as is_over from posthorn.lane_blocks',
  );
  const names = columns.map(({ lane }) => String(lane));
  return {
    lanes: names,
    blocks: new Map(names.map((lane) => [lane, found.filter((block) => block.lane === lane)])),
  };
}

const sorted = (lanes: Iterable<string>) => [...lanes].toSorted((a, b) => Number(a) - Number(b));

it('the claim takes of every lane that has no block, and says "blocked" of every other', async () => {
  const { lanes, blocks } = await plantAll();
  const isFree = (lane: string) => blocks.get(lane)?.length === 0;
  expect(lanes.filter(isFree).length).toBeGreaterThan(20);
  const request = {
    workerNumber: me,
    limit: 1_000,
    constrained: {},
    usualSlots: 8,
    usualGroupSlots: 500,
    leaseS: 120,
  };
  const discovered: DiscoveredLane[] = [];
  // A page at a time: what was seen is not due meanwhile.
  for (let page = 0; discovered.length < lanes.length && page < 9; page += 1) {
    const looked = await claimWebhooks(database.pool, {
      ...{ ...request, usualSlots: 0, usualGroupSlots: 500 },
      ...{ windowFromMs: 0, wishes: [] },
    });
    discovered.push(...looked.discovered);
    await database.pool.query(
      `update posthorn.queue set due_at = due_at + interval '1 day' where lane = any ($1)`,
      [looked.discovered.map(({ lane }) => lane)],
    );
  }
  await database.pool.query(`update posthorn.queue set due_at = due_at - interval '1 day'`);
  const blocked = discovered.filter(({ access }) => access === 'blocked');
  expect(sorted(blocked.map(({ lane }) => lane))).toEqual(lanes.filter((lane) => !isFree(lane)));
  const { webhooks } = await claimWebhooks(database.pool, {
    ...{ ...request, windowFromMs: undefined },
    wishes: lanes.map((lane) => ({
      ...{ ...of(lane), priority: 1, quota: 1, dueFromMs: 0, rank: 1, isOwned: true },
    })),
  });
  expect(sorted(webhooks.map(({ lane }) => lane))).toEqual(lanes.filter(isFree));
});

it('the scan finds every lane that has no block, and no other', async () => {
  const { lanes, blocks } = await plantAll();
  const found = await scanAll(database, me);
  expect(sorted(found.map(({ lane }) => lane))).toEqual(
    lanes.filter((lane) => blocks.get(lane)?.length === 0),
  );
});

it('a probe goes to every lane that only its breaker blocks, once its time has come', async () => {
  const { lanes, blocks } = await plantAll();
  const probed = await runFile<{ lane: string }>(database, 'probe', {
    workerNumber: me,
    maxProbes: 1_000,
    leaseS: 120,
    origins: [],
    originLanes: [],
  });
  const ripe = lanes.filter((lane) => {
    const found = blocks.get(lane) ?? [];
    return found.length === 1 && found[0]?.reason === 'breaker' && found[0].is_over;
  });
  expect(ripe.length).toBeGreaterThan(10);
  expect(sorted(probed.map(({ lane }) => lane))).toEqual(ripe);
});

it.each(['paused', 'disabled'])('says which act holds an endpoint that is %s', async (status) => {
  const endpoint = await registerEndpoint(database, { url: 'http://a.example/', status });
  const held = { reason: `endpoint_${status}`, until: null, is_held: true, is_brief: false };
  const { lane } = await endpoint.row();
  expect(await ask(database, 'select * from posthorn.lane_blocks')).toEqual([
    { key: lane, ...held },
  ]);
  await endpoint.set({ status: 'active' });
  expect(await ask(database, 'select * from posthorn.lane_blocks')).toEqual([]);
});

it('gives every reason there is, each with its time', async () => {
  await plant(database, 'lane_rules', [
    { lane: 1, is_held: true, is_ordered: true, retry_at: later },
  ]);
  const breaker = { url: 'http://a.example/', state: 'open', open_until: before };
  await plant(database, 'breakers', [{ ...breaker, key: 1, throttled_until: later }]);
  expect(
    await ask(database, 'select * from posthorn.lane_blocks order by until desc, reason'),
  ).toMatchObject([
    { reason: 'endpoint_paused', until: null },
    { reason: 'retry_of_the_first', until: later },
    { reason: 'throttled', until: later },
    { reason: 'breaker', until: before },
  ]);
});
