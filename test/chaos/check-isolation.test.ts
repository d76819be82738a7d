import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { checkIsolation } from '../../chaos/check-isolation.ts';
import type { Notes } from '../../chaos/finding.ts';
import type { Arrival } from '../../chaos/traffic.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

// The checker of I10: 200 webhooks of healthy tenants, a tenth of a second apart, that came at once. Each case harms this in one way.

const database = forFile(createTestDatabase);
let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterAll(() => client.end());

beforeEach(() => database.empty());

const webhooks = 200;
/** Of the webhook that is committed last. */
const endMs = Date.now();
const committedMs = (at: number) => endMs - 100 * (webhooks - 1 - at);

/** @param waitMs of the nth webhook. */
async function violationsOf(
  waitMs: (at: number) => number,
  { path = '/healthy/1', notes = {} }: { path?: string; notes?: Partial<Notes> } = {},
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into posthorn.outbox (url, body, created_at)
     select 'http://healthy-1.localhost/', '{}', to_timestamp(ms / 1000) from unnest($1::float8[]) as ms
     returning id`,
    [Array.from({ length: webhooks }, (_, at) => committedMs(at))],
  );
  const arrivals = rows.map(({ id }, at): Arrival => {
    const atMs = committedMs(at) + waitMs(at);
    return {
      ...{ id, path, atMs, untilMs: atMs, attempt: 1, answer: 'accepted' },
      ...{ hungUp: false, isSigned: true, hash: '', version: 0, skewS: 0 },
    };
  });
  const violations: string[] = [];
  await checkIsolation({
    subject: {
      client,
      books: {
        acked: new Map(),
        aborted: new Set(),
        unknown: [],
        hashes: new Map(),
        arrivals,
        operator: { changes: new Map(), orders: [], poison: new Map() },
      },
      stage: {
        ...{ violations: [], figures: {}, faults: [], deaths: [], rescues: [] },
        ...{ backMs: [], loadMs: undefined, lagMs: 0 },
        ...notes,
      },
      scenario: {
        name: 'test',
        crowd: { healthyTenants: 1, hangingPaths: 1, failingPaths: 1 },
      },
      retryS: [1],
    },
    figures: {},
    expectNone: (rule, found) => {
      if (found.length > 0) violations.push(`${rule}: ${found[0]}`);
    },
  });
  return violations;
}

/** Those committed from the tenth to the twelfth second waited. */
const lateInTheMiddle = (at: number) => (at >= 100 && at < 120 ? 2_000 : 5);

it('takes healthy traffic as it is, and one late webhook of a hundred', async () => {
  expect(await violationsOf((at) => (at === 100 ? 9_000 : 5))).toEqual([]);
});

it('sees that healthy webhooks waited', async () => {
  expect(await violationsOf(lateInTheMiddle)).toEqual([
    'I10 99 % of the webhooks of healthy tenants come within 1 s: 2000',
  ]);
});

it('allows what waited because a worker was killed, until its work was freed', async () => {
  const deaths = [{ number: 1, atMs: committedMs(100) }];
  const freedAt = (at: number, number = 1) => ({
    notes: { deaths, rescues: [{ number, atMs: committedMs(at) }] },
  });
  expect(await violationsOf(lateInTheMiddle, freedAt(115))).toEqual([]);
  await database.empty();
  expect(await violationsOf(lateInTheMiddle, freedAt(105))).toHaveLength(1);
  await database.empty();
  // The work of another worker, or of the same one before it died, is not what was freed: then there is the time that I7 allows.
  for (const other of [freedAt(105, 2), freedAt(95)]) {
    expect(await violationsOf(lateInTheMiddle, other)).toEqual([
      'I10 there are 100 webhooks of healthy tenants to judge by: 90',
    ]);
    await database.empty();
  }
});

it('does not judge by what it has not seen', async () => {
  expect(await violationsOf(() => 5, { path: '/hanging/1' })).toEqual([
    'I10 there are 100 webhooks of healthy tenants to judge by: 0',
  ]);
});

it('gives a machine on which processes wait for CPU more time', async () => {
  expect(await violationsOf(lateInTheMiddle, { notes: { lagMs: 300 } })).toEqual([]);
});
