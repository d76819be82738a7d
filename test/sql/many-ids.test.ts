import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { prepareFile } from '../support/rows.ts';

// What is done with many ids at once must cost so much per id, however many they are. It did not when n rows were joined with n
// members of an array: 10,000 ids took a minute. What a plan node returned or threw away is counted by auto_explain, also
// within functions; time and pages do not tell, because such a join is in memory and the machine is not quiet.

const few = 100;
const many = 800;
const url = 'http://receiver.example/hook';
const replayId = '01900000-0000-7000-8000-000000000001';

let database: TestDatabase;
let client: PoolClient;

/** How the engine's sessions are set. */
const engine = [
  'enable_seqscan = off',
  'enable_hashjoin = off',
  'enable_mergejoin = off',
  'plan_cache_mode = force_generic_plan',
];

interface Case {
  readonly what: string;
  readonly settings?: readonly string[];
  /** Brings the first $1 of the webhooks into the state that is needed. */
  readonly before?: string;
  /** $1 is how many. */
  readonly run:
    | string
    | { readonly name: string; readonly values: Readonly<Record<string, string>> };
}

const ids = `array(select webhook_id from posthorn.{table} order by 1 limit $1::integer)`;
const failed = ids.replace('{table}', 'outcomes');
const queued = ids.replace('{table}', 'queue');
const ofAll = (value: string) => `array(select ${value} from generate_series(1, $1::integer) as n)`;
const lanes = 'array(select lane from posthorn.lane_rules order by 1 limit $1::integer)';

const toQueue = `select posthorn.put_back(${failed}, '{failed}', replay_id => '${replayId}')`;
const cases: readonly Case[] = [
  { what: 'retry_many() of failed ones', run: `select posthorn.retry_many(${failed})` },
  {
    what: 'retry_many() of waiting ones',
    before: `${toQueue}; update posthorn.queue set due_at = now() + interval '1 hour'`,
    run: `select posthorn.retry_many(${queued})`,
  },
  { what: 'cancel_many()', before: toQueue, run: `select posthorn.cancel_many(${queued})` },
  {
    what: 'take_back() of what had ended',
    before: toQueue,
    run: `select posthorn.take_back('${replayId}', '00000000-0000-0000-0000-000000000000', $1::integer)`,
  },
  {
    what: 'take_back() of what had waited',
    before: `${toQueue}; update posthorn.queue set due_at = now() + interval '1 hour';
      delete from posthorn.former_outcomes;
      select posthorn.put_back(${queued}, '{pending}', replay_id => '${replayId}')`,
    run: `select posthorn.take_back('${replayId}', '00000000-0000-0000-0000-000000000000', $1::integer)`,
  },
  {
    what: 'matching() by ids',
    run: `select posthorn.matching('{failed,pending}', null, array['${url}'], ${failed},
      '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'infinity', 10000, 10000)`,
  },
  {
    what: 'give-back.sql',
    settings: engine,
    before: `${toQueue}; update posthorn.queue set attempts = 2, lease_until = now() + interval '1 hour', leased_by = 1;
      insert into posthorn.attempts (webhook_id, number, worker) select webhook_id, 2, 1 from posthorn.queue`,
    run: {
      name: 'give-back',
      values: { webhookIds: queued, numbers: ofAll('2'), workerNumber: '1' },
    },
  },
  {
    what: 'close-abandoned.sql',
    settings: engine,
    before: `insert into posthorn.attempts (webhook_id, number, worker) select unnest(${failed}), 1, 1`,
    run: { name: 'close-abandoned', values: { webhookIds: failed, numbers: ofAll('2') } },
  },
  {
    what: 'correct-outcomes.sql',
    settings: engine,
    run: {
      name: 'correct-outcomes',
      values: { webhookIds: failed, statusCodes: ofAll('200'), numbers: ofAll('1') },
    },
  },
  {
    what: 'rescue.sql',
    before: `${toQueue}; update posthorn.queue set attempts = 2, lease_until = now() + interval '1 hour', leased_by = 1;
      insert into posthorn.attempts (webhook_id, number, worker) select webhook_id, 2, 1 from posthorn.queue`,
    run: { name: 'rescue', values: { workerNumber: '1', keptIds: `'{}'::uuid[]` } },
  },
  {
    what: 'count-failures.sql',
    settings: engine,
    before: `insert into posthorn.breakers (key, url) select unnest(${lanes}), '${url}'`,
    run: {
      name: 'count-failures',
      values: {
        keys: lanes,
        failures: ofAll('1'),
        succeeded: ofAll('false'),
        errors: ofAll(`''`),
        pausesS: ofAll('1'),
        onlyLanes: ofAll('null::bigint'),
        openAfter: '5',
        openOverS: '5',
        firstOpenS: '5',
        maxOpenS: '5',
        probeIds: failed,
        probeNumbers: ofAll('1'),
        probeFailed: ofAll('false'),
      },
    },
  },
];

beforeAll(async () => {
  database = await createTestDatabase();
  client = await database.pool.connect();
  await client.query("load 'auto_explain'");
  await client.query('alter table posthorn.outbox disable trigger outbox_to_queue');
  // Whatever autovacuum would find out meanwhile.
  for (const table of ['queue', 'lane_rules', 'endpoints', 'breakers', 'former_outcomes']) {
    await client.query(`alter table posthorn.${table} set (autovacuum_enabled = off)`);
  }
  await client.query('analyze');
  await client.query(
    `with ids as (
       select overlay(posthorn.uuid_floor(now() + n * interval '1 ms')::text placing '7' from 15)::uuid as id
       from generate_series(1, $1::integer) as n
     ),
     enqueued as (
       insert into posthorn.outbox (id, url, body) select id, $2, '{}' from ids
     )
     insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
     select id, id, posthorn.lane_of($2), 'failed', 1 from ids`,
    [many * 2, url],
  );
  await client.query(
    `insert into posthorn.endpoints (url, ordered) select $1, true from generate_series(1, $2::integer)`,
    [url, many * 2],
  );
});

afterAll(async () => {
  client.release(true);
  await database.drop();
});

describe.each([
  { statistics: 'of an empty table', statement: 'select 1' },
  { statistics: 'of now', statement: 'analyze' },
])('with statistics $statistics, the rows per id do not grow with the ids', ({ statement }) => {
  beforeAll(async () => void (await client.query(statement)));

  it.each(cases)('in $what', async (each) => {
    const rowsOfFew = await rowsHandled(each, few);
    const rowsOfMany = await rowsHandled(each, many);
    expect(rowsOfFew).toBeGreaterThanOrEqual(few);
    expect(rowsOfMany / many).toBeLessThan((rowsOfFew / few) * 2);
  });
});

/** What all plan nodes of a case gave and threw away. */
async function rowsHandled({ settings = [], before, run }: Case, count: number): Promise<number> {
  const filled = (text: string) => text.replaceAll('$1', String(count));
  await client.query('begin');
  try {
    if (before !== undefined) await client.query(filled(before));
    const statement = typeof run === 'string' ? filled(run) : await prepared(run, filled);
    for (const setting of [...settings, ...counting]) await client.query(`set local ${setting}`);
    return await counted(() => client.query(statement));
  } finally {
    await client.query('rollback');
    await client.query('deallocate all');
  }
}

/** The values are read first: how they are made does not count. */
async function prepared(
  { name, values }: Exclude<Case['run'], string>,
  filled: (text: string) => string,
): Promise<string> {
  const columns = Object.entries(values).map(([key, value]) => `(${filled(value)}) as "${key}"`);
  await client.query(`create temp table given on commit drop as select ${columns.join(', ')}`);
  const { rows } = await client.query<Record<string, string>>(
    `select ${Object.keys(values).map((key) => `"${key}"::text`)} from given`,
  );
  const literals = Object.entries(rows[0] ?? {}).map(([key, value]) => [
    key,
    client.escapeLiteral(value),
  ]);
  return prepareFile(client, { name, as: 'it' }, Object.fromEntries(literals));
}

const counting = [
  'auto_explain.log_min_duration = 0',
  'auto_explain.log_analyze = on',
  'auto_explain.log_timing = off',
  'auto_explain.log_nested_statements = on',
  "auto_explain.log_format = 'json'",
  "auto_explain.log_level = 'notice'",
  "client_min_messages = 'notice'",
];

interface PlanNode {
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Join Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

async function counted(run: () => Promise<unknown>): Promise<number> {
  let rows = 0;
  const add = ({ message }: { message?: string | undefined }) => {
    const [, json] = /^duration: .*? plan:\n(.*)$/s.exec(message ?? '') ?? [];
    if (json !== undefined) rows += rowsOf((JSON.parse(json) as { Plan: PlanNode }).Plan);
  };
  client.on('notice', add);
  try {
    await run();
  } finally {
    client.off('notice', add);
  }
  return rows;
}

function rowsOf(node: PlanNode): number {
  const perLoop =
    (node['Actual Rows'] ?? 0) +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Join Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0);
  return (node.Plans ?? []).reduce(
    (sum, plan) => sum + rowsOf(plan),
    perLoop * (node['Actual Loops'] ?? 1),
  );
}
