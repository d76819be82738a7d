import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '../../harness/receiver.ts';
import { evaluateAlerts } from '../../src/alerts/alerts.ts';
import { Isolation } from '../../src/deliver/isolation.ts';
import { createEvents } from '../../src/events.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import { sealSecrets } from '../../src/maintenance/seal-secrets.ts';
import type { Posthorn } from '../../src/posthorn.ts';
import { alertOptions } from '../support/alerts.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { ringOf } from '../support/key-rings.ts';
import { of } from '../support/placed.ts';

// Rows as no CHECK and no function of ours lets them in: made by hand, restored, damaged. Each costs its own webhook at most. A
// webhook that comes after it is delivered, and everything that lists goes on listing.

/** What becomes of the webhook with the odd row. */
type Fate = 'failed: poison_row' | 'delivered' | 'ended' | 'waits';

interface Poison {
  readonly name: string;
  /** Makes the row of a webhook that is not due yet odd; $1 is its id. */
  readonly spoil?: readonly string[];
  /** Or makes rows of nobody's. */
  readonly insert?: string;
  /** Settings of an endpoint that it goes to. */
  readonly endpoint?: string;
  readonly fate?: Fate;
}

const poisons: readonly Poison[] = [
  {
    name: 'queue: attempts at their end',
    spoil: ['update posthorn.queue set attempts = 32767 where webhook_id = $1'],
    fate: 'ended',
  },
  {
    name: 'queue: attempts at their end, and all of them there',
    spoil: [
      'update posthorn.queue set attempts = 32767 where webhook_id = $1',
      'insert into posthorn.attempts (webhook_id, number, worker) values ($1, 32767, 1)',
    ],
    fate: 'failed: poison_row',
  },
  {
    name: 'queue: uncounted at its end, with a lease that ran out',
    spoil: [
      `update posthorn.queue set attempts = 32000, uncounted = 32767, leased_by = 77, lease_until = now() - interval '1 h' where webhook_id = $1`,
    ],
    fate: 'ended',
  },
  {
    name: 'queue: negative attempts',
    spoil: ['update posthorn.queue set attempts = -9 where webhook_id = $1'],
    fate: 'ended',
  },
  {
    name: 'queue: due since for ever',
    spoil: [`update posthorn.queue set due_at = '-infinity' where webhook_id = $1`],
    fate: 'ended',
  },
  {
    name: 'queue: never due',
    spoil: [`update posthorn.queue set due_at = 'infinity' where webhook_id = $1`],
    fate: 'waits',
  },
  {
    name: 'queue: leased for ever',
    spoil: [`update posthorn.queue set lease_until = 'infinity' where webhook_id = $1`],
    fate: 'waits',
  },
  {
    name: 'queue: a priority that there is not',
    spoil: ['update posthorn.queue set priority = 7 where webhook_id = $1'],
    fate: 'ended',
  },
  {
    name: 'queue: a row without a webhook',
    insert:
      'insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at) values (posthorn.uuid_v7(), posthorn.uuid_v7(), 42, 1, now())',
  },
  {
    name: 'queue: an id of no time',
    insert:
      'insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at) values (gen_random_uuid(), gen_random_uuid(), 43, 1, now())',
  },
  {
    name: 'queue: the lane of another',
    spoil: ['update posthorn.queue set lane = lane + 1 where webhook_id = $1'],
    fate: 'delivered',
  },
  {
    name: 'attempts: the number of the next one is taken',
    spoil: ['insert into posthorn.attempts (webhook_id, number, worker) values ($1, 1, 1)'],
    fate: 'failed: poison_row',
  },
  {
    name: 'attempts: times that never end',
    spoil: [
      `insert into posthorn.attempts (webhook_id, number, worker, started_at, finished_at, duration_ms)
       values ($1, 0, 1, '-infinity', 'infinity', 'NaN')`,
    ],
    fate: 'delivered',
  },
  {
    name: 'outcomes: it has ended before',
    spoil: [
      `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason)
       values ($1, $1, 1, 'failed', 1, 'x')`,
    ],
    fate: 'delivered',
  },
  {
    name: 'outcomes: it has ended at no time, with a status that is none',
    spoil: [
      `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason, finished_at)
       values ($1, $1, 1, 'pending', -1, 'x', 'infinity')`,
    ],
    fate: 'delivered',
  },
  {
    name: 'outbox: no URL',
    spoil: ['update posthorn.outbox set url = null where id = $1'],
    fate: 'ended',
  },
  {
    name: 'outbox: headers that are a number',
    spoil: [`update posthorn.outbox set headers = '7' where id = $1`],
    fate: 'ended',
  },
  {
    name: 'outbox: headers within headers',
    spoil: [`update posthorn.outbox set headers = '{"a": {"b": [1]}}' where id = $1`],
    fate: 'ended',
  },
  {
    name: 'outbox: no attempts allowed',
    spoil: ['update posthorn.outbox set max_attempts = 0 where id = $1'],
    fate: 'delivered',
  },
  {
    name: 'outbox: fewer than no attempts, and times that never come',
    spoil: [
      `update posthorn.outbox set max_attempts = -5, send_at = 'infinity', created_at = '-infinity' where id = $1`,
    ],
    fate: 'delivered',
  },
  {
    name: 'outbox: times before Christ and after the year 9999',
    spoil: [
      `update posthorn.outbox set send_at = '4713-01-01 BC', created_at = '294276-01-01' where id = $1`,
    ],
    fate: 'delivered',
  },
  {
    name: 'outbox: a content type and a traceparent of two lines',
    spoil: [
      `update posthorn.outbox set content_type = E'a/b\\r\\nX: y', traceparent = E'a\\r\\nb: c' where id = $1`,
    ],
    fate: 'ended',
  },
  { name: 'endpoints: no time at all', endpoint: 'timeout_ms => 0', fate: 'delivered' },
  { name: 'endpoints: less than no time', endpoint: 'timeout_ms => -5', fate: 'delivered' },
  { name: 'endpoints: all the time', endpoint: 'timeout_ms => 2147483647', fate: 'delivered' },
  { name: 'endpoints: none in flight', endpoint: 'max_in_flight => 0', fate: 'delivered' },
  { name: 'endpoints: minus one in flight', endpoint: 'max_in_flight => -1', fate: 'delivered' },
  { name: 'endpoints: a rate of 0', endpoint: 'rate_limit_per_s => 0', fate: 'delivered' },
  {
    name: 'endpoints: a rate of nothing',
    endpoint: `rate_limit_per_s => 'NaN'`,
    fate: 'delivered',
  },
  {
    name: 'endpoints: an infinite rate',
    endpoint: `rate_limit_per_s => 'infinity'`,
    fate: 'delivered',
  },
  {
    name: 'endpoints: retries before the attempt',
    endpoint: `retry_schedule_s => '{-5,null,2147483647}'`,
    fate: 'delivered',
  },
  { name: 'endpoints: headers that are a number', endpoint: `headers => '7'`, fate: 'ended' },
  {
    name: 'endpoints: former secrets that are none',
    endpoint: `secret => 's', former_secrets => '[{"x": 1}]'`,
    fate: 'ended',
  },
  {
    name: 'endpoints: former secrets that are no list, and end at no time',
    endpoint: `secret => 's', former_secrets => '{"expires_at": "soon"}'`,
    fate: 'ended',
  },
  {
    name: 'endpoints: a former secret that ends at no time',
    endpoint: `secret => 's', former_secrets => '[{"secret": "t", "expires_at": "soon"}]'`,
    fate: 'ended',
  },
  {
    name: 'lane_rules: an owner that there is not, a rate of 0, and times that never come',
    insert: `insert into posthorn.lane_rules (lane, is_held, is_ordered, max_in_flight, rate_limit_per_s, owner, rate_from, retry_at)
       values (44, false, true, 0, 0, 999999, 'infinity', 'infinity')`,
  },
  {
    name: 'lane_rules: taken over with a rate of 0 and an infinite wait',
    endpoint: 'rate_limit_per_s => 5',
    spoil: [
      `update posthorn.lane_rules as r set owner = 999999, rate_limit_per_s = 0, rate_from = 'infinity'
       from posthorn.queue as q where q.webhook_id = $1 and r.lane = q.lane`,
    ],
    // The least legal rate is one in 1,000 s.
    fate: 'waits',
  },
  {
    name: 'breakers: counts at their end and times that never come',
    insert: `insert into posthorn.breakers (key, url, state, consecutive, trips, failing_since, last_failure_at, open_until)
       values (45, '', 'open', 2147483647, 2147483647, '-infinity', 'infinity', 'infinity')`,
  },
  {
    name: 'breakers: one whose probe cannot be claimed',
    spoil: [
      'insert into posthorn.attempts (webhook_id, number, worker) values ($1, 1, 1)',
      `insert into posthorn.breakers (key, url, state, consecutive, open_until)
       select lane, 'http://spoilt.example', 'open', 5, '-infinity' from posthorn.queue where webhook_id = $1`,
    ],
    fate: 'failed: poison_row',
  },
  {
    name: 'idempotency_keys: one that never ends, of nobody',
    insert: `insert into posthorn.idempotency_keys (tenant, key, outbox_id, expires_at) values ('', E'\\x01', gen_random_uuid(), 'infinity')`,
  },
  {
    name: 'replays: of nothing, and with a rate of 0',
    insert: `insert into posthorn.replays (statuses, rate_limit_per_s, paced_until, skipped, moved_at, from_at)
       values ('{}', 0, 'infinity', '[7]', '-infinity', '-infinity'), ('{failed}', 'NaN', '-infinity', '7', '-infinity', 'infinity')`,
  },
  {
    name: 'samples: of no time and less than nothing',
    insert: `insert into posthorn.samples (taken_at, attempts, failures, seconds, waiting, due, oldest_due_s)
       values ('infinity', -1, -1, 0, -1, -1, 'Infinity'), (now(), 0, 0, 0, 0, 0, 'NaN')`,
  },
  {
    name: 'tallies: more than can be summed up, at no time',
    insert: `insert into posthorn.tallies (counted_at, worker, attempts, failures)
       values ('infinity', 1, 2147483647, -1), ('infinity', 1, 2147483647, 2147483647)`,
  },
  {
    name: 'workers: one that nobody is',
    insert: `insert into posthorn.workers (number, host, pid, version, seen_at, claims_failing_since)
       values (-5, repeat('x', 5000), -1, '', 'infinity', '-infinity')`,
  },
  {
    name: 'maintenance_runs: a detail of another shape',
    insert: `insert into posthorn.maintenance_runs (task, ended_at, duration_ms, detail) values ('odd', 'infinity', 'NaN', '["x"]')`,
  },
  {
    name: 'alerts: of no rule and no time',
    insert: `insert into posthorn.alerts (rule, severity, summary, since, fired_at) values ('odd', 'mild', '', '-infinity', '-infinity')`,
  },
];

let database: TestDatabase;
let receiver: Receiver;
let engine: Posthorn & AsyncDisposable;
const poisoned: { webhookId: string; became: string }[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  await dropChecks();
  receiver = await startReceiver();
  engine = await startEngine(database, { api: true, env: { POSTHORN_RETRY_SCHEDULE: '1h' } });
  engine.events.on('poisoned', (event) => poisoned.push(event));
});

afterAll(async () => {
  await engine.stop();
  await receiver.close();
  await database.drop();
});

describe('a webhook is delivered after a row of', () => {
  it.each(poisons)('$name', async (poison) => {
    const id = await plant(poison);
    const healthy = await enqueue('/healthy');
    await eventually(async () => (await fateOf(healthy)) === 'delivered', 'it is delivered', 5_000);
    const { fate } = poison;
    if (id === undefined || fate === undefined) return;
    if (fate === 'waits') {
      expect(await fateOf(id)).toBe('waits');
      return;
    }
    const met = await eventually(
      async () => {
        const now = await fateOf(id);
        return now !== 'waits' && now;
      },
      `its own webhook has ended: ${fate}`,
      8_000,
    );
    if (fate !== 'ended') expect(met).toBe(fate);
    if (fate === 'failed: poison_row') {
      expect(poisoned).toContainEqual({ webhookId: id, became: 'failed' });
      expect(receiver.requests.filter(({ body }) => String(body).includes(id))).toEqual([]);
    }
  });
});

it('all lists still list with all these rows', async () => {
  await database.pool.query(`update posthorn.stats set taken_at = '-infinity'`);
  for (const path of [
    '/webhooks',
    '/webhooks?status=pending',
    '/endpoints',
    '/stats',
    '/stats/series?hours=1',
    '/stats/series?hours=168',
    '/replays',
    '/metrics',
    '/readyz',
  ]) {
    const response = await fetch(`${engine.address}${path}`);
    expect([path, response.status, response.status === 200 ? '' : await response.text()]).toEqual([
      path,
      200,
      '',
    ]);
  }
  const { rows } = await database.pool.query<{ id: string }>('select id from posthorn.outbox');
  for (const { id } of rows) {
    const response = await fetch(`${engine.address}/webhooks/${id}`);
    expect([id, response.status]).toEqual([id, 200]);
  }
  const metrics = await (await fetch(`${engine.address}/metrics`)).text();
  expect(metrics).toContain('posthorn_database_up 1');
});

it('alerts are evaluated, samples taken and secrets sealed with all these rows', async () => {
  const { pool } = database;
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const alerts = alertOptions();
  await eventually(async () => {
    const options = { alerts, environment: '', events: createEvents(), log };
    return (await evaluateAlerts(pool, options)) !== undefined;
  }, 'nobody else evaluates');
  await pool.query('select posthorn.take_sample()');
  const ring = ringOf('k');
  const before = await sealSecrets(pool, { ring, log });
  expect(before.sealed).toBeGreaterThan(0);
  const later = await sealSecrets(pool, { ring, log });
  expect(later.sealed).toBe(0);
});

describe('the isolation', () => {
  const log = { debug() {}, info() {}, warn() {}, error() {} };

  it('finds bytes that are no text of the client, and ends that webhook alone', async () => {
    await using own = await createTestDatabase();
    // As in a database that is not UTF8: Postgres cannot say to the client what is in the row.
    const pool = new pg.Pool({
      connectionString: own.url,
      onConnect: async (client) => {
        await client.query(`set client_encoding = 'LATIN1'`);
      },
    });
    const insert = async (body: string) => {
      const { rows } = await pool.query<{ id: string; lane: string }>(
        `with i as (insert into posthorn.outbox (url, body) values ('http://127.0.0.1:1/', ${body}) returning id)
         select id, posthorn.lane_of('http://127.0.0.1:1/')::text as lane from i`,
      );
      return { id: rows[0]?.id ?? '', lane: rows[0]?.lane ?? '' };
    };
    await insert(`'{}'`);
    const { id, lane } = await insert(`U&'\\2713'`);
    const events = createEvents();
    const found: string[] = [];
    events.on('poisoned', ({ webhookId }) => found.push(webhookId));
    const isolation = new Isolation({ pool, events, log, book: new LaneBook({ most: 20 }) });
    const error = Object.assign(new Error('invalid byte sequence'), { code: '22021' });
    const wishes = [{ ...of(lane), priority: 1, quota: 10, dueFromMs: 0, rank: 1, isOwned: false }];
    expect(
      await isolation.overcome(error, { wishes, windowFromMs: undefined, probeLanes: [] }),
    ).toBe(true);
    expect(found).toEqual([id]);
    const { rows } = await pool.query('select webhook_id, reason from posthorn.outcomes');
    expect(rows).toEqual([{ webhook_id: id, reason: 'poison_row' }]);
    await pool.end();
  });

  it('ends nothing when what kept all from being claimed ends while it looks', async () => {
    await using own = await createTestDatabase();
    await own.pool.query(`alter table posthorn.attempts add constraint none check (number < 0)`);
    const { rows } = await own.pool.query<{ lane: string }>(
      `with said as (
         insert into posthorn.outbox (url, body) values ('http://127.0.0.1/', '') returning id
       )
       select posthorn.lane_of('http://127.0.0.1/'::text)::text as lane from said`,
    );
    let connections = 0;
    const pool = {
      query: own.pool.query.bind(own.pool),
      connect: async () => {
        connections += 1;
        // After the webhook was tried, and before a new one is.
        if (connections === 2)
          await own.pool.query('alter table posthorn.attempts drop constraint none');
        return own.pool.connect();
      },
    } as unknown as pg.Pool;
    const book = new LaneBook({ most: 20 });
    const isolation = new Isolation({ pool, log, events: createEvents(), book });
    const error = Object.assign(new Error('violates check constraint'), { code: '23514' });
    const lane = rows[0]?.lane ?? '';
    const wishes = [{ ...of(lane), priority: 1, quota: 10, dueFromMs: 0, rank: 1, isOwned: false }];
    expect(
      await isolation.overcome(error, { wishes, windowFromMs: undefined, probeLanes: [] }),
    ).toBe(true);
    expect(connections).toBeGreaterThan(2);
    expect((await own.pool.query('select from posthorn.outcomes')).rows).toEqual([]);
  });

  it('ends nothing when no webhook at all can be claimed', async () => {
    await using closed = await createTestDatabase();
    await closed.pool.query(`alter table posthorn.attempts add constraint none check (number < 0)`);
    await using closedEngine = await startEngine(closed);
    const reasons: string[] = [];
    closedEngine.events.on('claimFailed', ({ reason }) => reasons.push(reason));
    await closed.pool.query(
      `insert into posthorn.outbox (url, body) values ('${receiver.url}/none', '')`,
    );
    await eventually(async () => reasons.length > 2, 'claims fail');
    expect(reasons[0]).toContain('"none"');
    const { rows } = await closed.pool.query('select from posthorn.outcomes');
    expect(rows).toEqual([]);
    await closed.pool.query('alter table posthorn.attempts drop constraint none');
    await receiver.until((requests) => requests.some(({ path }) => path === '/none'));
  });
});

async function dropChecks(): Promise<void> {
  await database.pool.query('alter table posthorn.endpoints disable trigger endpoint_rules');
  const { rows } = await database.pool.query<{ statement: string }>(
    `select format('alter table %s drop constraint %I', conrelid::regclass, conname) as statement
     from pg_constraint
     where connamespace = 'posthorn'::regnamespace and contype = 'c' and coninhcount = 0`,
  );
  for (const { statement } of rows) await database.pool.query(statement);
}

/** Makes the odd rows; returns the id of their webhook, if there is one. It is due when all of them are there. */
async function plant({ insert, spoil = [], endpoint }: Poison): Promise<string | undefined> {
  if (insert !== undefined) {
    await database.pool.query(insert);
    return undefined;
  }
  const id = await enqueue('/spoilt', { endpoint, isDue: false });
  await database.pool.query('update posthorn.outbox set body = $1 where id = $1::uuid', [id]);
  for (const statement of spoil) await database.pool.query(statement, [id]);
  await database.pool.query(
    `with due as (
       update posthorn.queue set due_at = least(due_at, now()) where webhook_id = $1 and due_at <> 'infinity' returning 1
     )
     select pg_notify('posthorn_wake', 'scan') from due`,
    [id],
  );
  return id;
}

async function enqueue(
  path: string,
  { endpoint, isDue = true }: { endpoint?: string | undefined; isDue?: boolean } = {},
): Promise<string> {
  const url = `${receiver.url}${path}`;
  let endpointId: string | undefined;
  if (endpoint !== undefined) {
    const settings = endpoint.split(/, (?=\w+ =>)/).map((part) => part.split(' => '));
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into posthorn.endpoints (url, ${settings.map(([name]) => name).join(', ')})
       values ($1, ${settings.map(([, value]) => value).join(', ')}) returning id`,
      [url],
    );
    endpointId = rows[0]?.id;
  }
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, endpoint_id, body, send_at)
     values ($1, $2, '', case when $3 then null else now() + interval '1 hour' end) returning id`,
    [endpointId === undefined ? url : null, endpointId, isDue],
  );
  return rows[0]?.id ?? '';
}

async function fateOf(id: string): Promise<string> {
  const { rows } = await database.pool.query<{ fate: string }>(
    `select o.status || case when o.status = 'failed' then ': ' || o.reason else '' end as fate
     from posthorn.outcomes as o
     where o.webhook_id = $1 and not exists (select from posthorn.queue as q where q.webhook_id = $1)`,
    [id],
  );
  return rows[0]?.fate ?? 'waits';
}
