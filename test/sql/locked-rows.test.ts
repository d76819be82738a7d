import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runSql, type SqlValues, sqlFile } from '../../src/db/sql-file.ts';
import { createEvents } from '../../src/events.ts';
import { disableFailing } from '../../src/maintenance/disable.ts';
import { prune } from '../../src/maintenance/prune.ts';
import { leave } from '../../src/worker/rescue.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// Somebody has rows of three endpoints locked, in a transaction that stays open. Every statement of the engine that writes such
// rows passes those over. If one waited for them, it would hold up what it has to do for all other lanes.

const ids = [0, 1, 2].map((at) => `0199c0de-0000-7000-8000-00000000000${at}`);
const all = (value: unknown) => ids.map(() => value);

let database: TestDatabase;
let lanes: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

beforeEach(reset);

type Work = (client: pg.Client) => Promise<unknown>;

const asPool = (client: pg.Client) => client as unknown as pg.Pool;
const statement =
  (name: string, values: () => SqlValues): Work =>
  (client) =>
    runSql(client, sqlFile(name), values());

/** The arguments of record.sql for a result of each webhook. */
const results = (became: number, { alive }: { alive: boolean }) => ({
  ...{ webhookIds: ids, numbers: all(1), became: all(became), statusCodes: all(500) },
  ...{ errors: all(null), errorMessages: all(null), responseBodies: all(null) },
  ...{ areTruncated: all(false), durationsMs: all(1), endedAgoMs: all(0), retryInS: all(60) },
  ...{ reasons: all(null), uncounted: all(0), workerNumbers: all(1) },
  ...{ aliveKeys: alive ? lanes : [], neededLanes: alive ? [] : lanes },
});

const works: readonly (readonly [string, Work])[] = [
  ['records retries', statement('record', () => results(0, { alive: false }))],
  ['records successes', statement('record', () => results(1, { alive: true }))],
  [
    'counts failures',
    statement('count-failures', () => ({
      ...{ keys: lanes, failures: all(1), succeeded: all(false), errors: all('http_500') },
      ...{
        pausesS: all(null),
        onlyLanes: all(null),
        openAfter: 5,
        openOverS: 10,
        firstOpenS: 30,
        maxOpenS: 900,
      },
      ...{ probeIds: ids, probeNumbers: all(1), probeFailed: all(true) },
    })),
  ],
  [
    'watches lanes',
    statement('watch-lanes', () => ({
      keys: lanes,
      urls: all('http://a.example/'),
      failures: all(0),
      failingS: all(0),
      mostLanes: 100,
    })),
  ],
  ['rescues', statement('rescue', () => ({ workerNumber: 1, keptIds: [] }))],
  [
    'gives webhooks back',
    statement('give-back', () => ({ webhookIds: ids, numbers: all(1), workerNumber: 1 })),
  ],
  ['takes lanes', statement('take-lanes', () => ({ workerNumber: 2, lanes }))],
  [
    'releases lanes',
    statement('release-lanes', () => ({ workerNumber: 1, lanes, isWanted: false })),
  ],
  [
    'probes',
    statement('probe', () => ({
      workerNumber: 2,
      maxProbes: 20,
      leaseS: 60,
      origins: [],
      originLanes: [],
    })),
  ],
  [
    'keeps leases',
    statement('keep-leases', () => ({ webhookIds: ids, numbers: all(1), workerNumbers: all(1) })),
  ],
  [
    'counts answers 410',
    statement('count-gone', () => ({ endpointId: ids[0], answers: 2, succeeded: false })),
  ],
  ['leaves', (client) => leave(asPool(client), 1)],
  ['watches the clock', (client) => client.query('select posthorn.watch_clock()')],
];

describe.each([
  ['changes endpoints', 'update posthorn.endpoints set max_in_flight = 7'],
  ['deletes endpoints', `update posthorn.endpoints set status = 'deleted'`],
  ['locks breakers', 'select from posthorn.breakers for update'],
  ['locks rules', 'select from posthorn.lane_rules for update'],
])('while somebody %s and does not commit, whoever', (_, held) => {
  it.each(works)('%s does not wait for that', async (_name, work) => {
    await using _holder = await connect(held);
    await using worker = await connect(`set local lock_timeout = '200ms'`);
    await expect(work(worker.client)).resolves.not.toThrow();
  });
});

it('an endpoint that somebody has locked does not keep others from being disabled', async () => {
  await using _holder = await connect(
    `update posthorn.endpoints set max_in_flight = 7 where id = '${ids[0]}'`,
  );
  const options = { disableAfterMs: 86_400_000, events: createEvents() };
  expect((await disableFailing(database.pool, options)).sort()).toEqual(ids.slice(1));
});

it('a breaker that somebody has locked does not keep others from being forgotten', async () => {
  await database.pool.query('delete from posthorn.queue');
  await database.pool.query(`update posthorn.breakers set last_failure_at = failing_since`);
  await using _holder = await connect(
    `select from posthorn.breakers where key = ${lanes[0]} for update`,
  );
  await using worker = await connect(`set local lock_timeout = '200ms'`);
  const pruned = await prune(asPool(worker.client), { retentionMs: 86_400_000 });
  expect(pruned).toMatchObject({ forgottenBreakers: 2 });
});

/** A transaction that is rolled back. */
async function connect(first: string): Promise<{ client: pg.Client } & AsyncDisposable> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('begin');
  await client.query(first);
  return {
    client,
    async [Symbol.asyncDispose]() {
      await client.query('rollback');
      await client.end();
    },
  };
}

/** Three ordered endpoints, each with a probe under way, that worker 1 owns; it has been the end of several workers. */
async function reset(): Promise<void> {
  await database.empty();
  const { rows } = await database.pool.query<{ lane: string }>(
    `insert into posthorn.endpoints (id, url, ordered, status)
     select id, 'http://a.example/', true, 'active' from unnest($1::uuid[]) as id
     returning lane::text`,
    [ids],
  );
  lanes = rows.map(({ lane }) => lane);
  await database.pool.query(
    `with outbox as (
       insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at, attempts, uncounted, leased_by, lease_until)
       select id, id, lane, 1, now(), 1, 5, 1, now() + interval '1 hour' from posthorn.endpoints
     ), breakers as (
       insert into posthorn.breakers
         (key, state, url, open_until, consecutive, probe_until, probe_webhook, probe_attempt, failing_since, last_failure_at)
       select lane, 'open', url, now(), 30, now() + interval '1 hour', id, 1, now() - interval '3 days', now() + interval '1 min'
       from posthorn.endpoints
     )
     update posthorn.lane_rules
     set owner = 1, retry_of = e.id, retry_at = now() + interval '1 min'
     from posthorn.endpoints as e
     where e.lane = lane_rules.lane`,
  );
  await database.pool.query(`update posthorn.clock set seen_at = now() + interval '30 seconds'`);
}
