import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { canTest } from '../harness/can-run.ts';
import { runPosthorn } from '../harness/process.ts';
import { startReceiver } from '../harness/receiver.ts';
import { createEnginePool, createMaintenancePool } from '../src/db/pools.ts';
import { createLog } from '../src/log.ts';
import { prune } from '../src/maintenance/prune.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { createQueryPool } from '../src/queries/pool.ts';
import { evaluateBy } from './support/alerts.ts';
import { createEmptyDatabase, type TestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { hasPgBouncer, startPgBouncer } from './support/pgbouncer.ts';
import { forEachTest } from './support/world.ts';

// A database whose settings are all others than what Posthorn relies on: migrated, delivered from, looked after and shown.

/** Those that change how strings are read, what is printed, and what a statement sees and waits for. */
const hostile: Readonly<Record<string, string>> = {
  standard_conforming_strings: 'off',
  escape_string_warning: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  quote_all_identifiers: 'on',
  extra_float_digits: '-10',
  DateStyle: "'SQL, DMY'",
  IntervalStyle: 'iso_8601',
  TimeZone: "'Pacific/Kiritimati'",
  bytea_output: 'escape',
  client_encoding: 'latin1',
  search_path: "''",
  row_security: 'off',
  synchronous_commit: 'off',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  statement_timeout: "'20s'",
  lock_timeout: "'15s'",
  plan_cache_mode: 'force_custom_plan',
};

const asksForPassword = canTest(
  new URL(inject('postgresUrl')).password !== '',
  'the server of the tests asks for no password.',
);

const dayMs = 86_400_000;
const log = createLog('silent');

let database: TestDatabase;
let posthorn: Posthorn;
const receiver = forEachTest(startReceiver);

beforeAll(async () => {
  // Not in the other order: a session that begins before a setting was made does not have it.
  database = await createEmptyDatabase({ settings: hostile });
  posthorn = await startEngine(database, { api: true });
});

afterAll(async () => {
  await posthorn?.stop();
  await database?.drop();
});

async function insert(values: Record<string, string | null>): Promise<string> {
  const names = Object.keys(values);
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (${names.join(', ')})
     values (${names.map((_, at) => `$${at + 1}`).join(', ')}) returning id`,
    Object.values(values),
  );
  return rows[0]?.id ?? '';
}

async function statusOf(id: string): Promise<string | undefined> {
  const { rows } = await database.pool.query<{ status: string }>(
    'select status::text from posthorn.webhooks where id = $1',
    [id],
  );
  return rows[0]?.status;
}

function until(id: string, status: string): Promise<boolean> {
  return eventually(async () => (await statusOf(id)) === status, status);
}

async function api(path: string, body?: object): Promise<{ status: number; json: unknown }> {
  const response = await fetch(`${posthorn.address}${path}`, {
    ...(body === undefined
      ? {}
      : {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
  });
  return { status: response.status, json: await response.json() };
}

describe('with hostile settings of the database', () => {
  it('a webhook is signed with the time of now, delivered and recorded', async () => {
    const id = await insert({ url: receiver.url, body: '{"a": "\\"}', secret: 'a secret' });
    await receiver.until((requests) => requests.length === 1);
    const [request] = receiver.requests;
    expect(request?.body.toString()).toBe('{"a": "\\"}');
    const timestamp = Number(request?.headers['webhook-timestamp']);
    expect(Math.abs(timestamp - Date.now() / 1_000)).toBeLessThan(60);
    await until(id, 'delivered');
  });

  it('the rules of the outbox are the same', async () => {
    for (const url of ['http://a\\b/', 'http://[::1]:8080/x', 'ftp://a/']) {
      const isLegal = url === 'http://[::1]:8080/x';
      const inserted = insert({ url, body: '{}', send_at: '2027-01-01T00:00:00Z' });
      if (isLegal) await expect(inserted).resolves.toMatch(/^[0-9a-f-]{36}$/);
      else await expect(inserted).rejects.toThrow('outbox_url_is_http');
    }
  });

  it('the rules of types of events are the same, and so is who receives them', async () => {
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into posthorn.endpoints (tenant, url) values ('acme', $1) returning id`,
      [receiver.url],
    );
    const subscribe = (type: string) =>
      database.pool.query(
        'insert into posthorn.subscriptions (endpoint_id, event_type) values ($1, $2)',
        [rows[0]?.id, type],
      );
    const describeType = (type: string) =>
      database.pool.query('insert into posthorn.event_types (name) values ($1)', [type]);
    for (const type of ['a b', 'a*b', 'a\nb']) {
      const event = { tenant: 'acme', event_type: type, body: '{}' };
      await expect(insert(event)).rejects.toThrow('outbox_event_type_is_words');
      await expect(subscribe(type)).rejects.toThrow(
        'subscriptions_event_type_is_words_or_ends_with_a_star',
      );
      await expect(describeType(type)).rejects.toThrow('event_types_name_is_words');
    }
    for (const type of ['*', 'order.*', 'order.paid']) await subscribe(type);
    await describeType('order.paid');
    await insert({ tenant: 'acme', event_type: 'order.paid', body: '{"n": "\\\\"}' });
    await receiver.until((requests) => requests.length === 1);
    expect(receiver.requests[0]?.body.toString()).toBe('{"n": "\\\\"}');
  });

  it('a retry keeps its schedule, and the API tells when it is', async () => {
    receiver.answer((_request, response) => response.writeHead(500).end());
    const id = await insert({ url: `${receiver.url}/retry`, body: '{}' });
    const { attempts, next_attempt_at: nextAt } = await eventually(async () => {
      const { json } = await api(`/webhooks/${id}`);
      const read = json as {
        attempts: { status_code: number | null; started_at: string }[];
        next_attempt_at: string | null;
      };
      return read.attempts[0]?.status_code === 500 && read.next_attempt_at !== null && read;
    }, 'a retry');
    expect(Math.abs(Date.parse(attempts[0]?.started_at ?? '') - Date.now())).toBeLessThan(60_000);
    const waitMs = Date.parse(nextAt ?? '') - Date.now();
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThan(70_000);
  });

  it('days are known by their partitions, and old ones are dropped', async () => {
    await database.pool.query(
      `select posthorn.make_partitions((now() at time zone 'UTC')::date - 40)`,
    );
    const { rows } = await database.pool.query('select posthorn.partition_days()');
    expect(rows.length).toBeGreaterThanOrEqual(6);
    const pool = createMaintenancePool({
      databaseUrl: database.url,
      log,
      max: 2,
      applicationName: 'test',
    });
    try {
      const day = new Date(Date.now() - 40 * dayMs).toISOString().slice(0, 10);
      expect(await prune(pool, { retentionMs: 30 * dayMs })).toMatchObject({ dropped: [day] });
    } finally {
      await pool.end();
    }
  });

  it('what failed is replayed', async () => {
    receiver.answer((_request, response) => response.writeHead(400).end());
    const id = await insert({ url: `${receiver.url}/replay`, body: '{}' });
    await until(id, 'failed');
    receiver.answer((_request, response) => response.end());
    const from = new Date(Date.now() - 3_600_000).toISOString();
    const filter = { url: `${receiver.url}/replay`, from };
    expect(await api('/replays', { filter })).toMatchObject({ status: 202 });
    await until(id, 'delivered');
  });

  it('alerts are evaluated, and the charts and figures are read', async () => {
    await evaluateBy(posthorn, database)();
    const { rows } = await database.pool.query(
      'select evaluated_at is not null as is_done from posthorn.alert_watch',
    );
    expect(rows).toEqual([{ is_done: true }]);
    for (const path of [
      '/stats',
      '/stats/series',
      '/webhooks',
      '/endpoints',
      '/replays',
      '/readyz',
    ]) {
      expect(await api(path), path).toMatchObject({ status: 200 });
    }
  });

  it('the command line and the doctor read the same', async () => {
    const env = { DATABASE_URL: database.url };
    const [doctor, ...others] = await Promise.all(
      [['doctor'], ['status'], ['list', '--limit', '5']].map((args) =>
        runPosthorn([...args, '--json'], env),
      ),
    );
    expect(others).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
    const { checks } = JSON.parse(doctor?.stdout ?? '') as {
      checks: { check: string; found: string }[];
    };
    expect(checks.filter(({ found }) => found.startsWith('cannot be told'))).toEqual([]);
    expect(checks.find(({ check }) => check === 'partitions')?.found).toMatch(/^up to/);
  });

  it.skipIf(!hasPgBouncer || !asksForPassword)(
    'the API reads the same behind a pooler, and leaves its sessions as they were',
    async () => {
      await using bouncer = await startPgBouncer({
        mode: 'transaction',
        urls: [database.url],
        size: 4,
      });
      const url = bouncer.urlFor(database.url);
      await using engine = await startEngine({ url }, { worker: false, api: true });
      const sent = await fetch(`${engine.address}/webhooks/send`, {
        method: 'POST',
        body: JSON.stringify({ url: receiver.url, body: {} }),
        headers: { 'content-type': 'application/json' },
      });
      expect(sent.status).toBe(202);
      const { created_at: createdAt } = (await (
        await fetch(`${engine.address}${sent.headers.get('location')}`)
      ).json()) as { created_at: string };
      expect(Math.abs(Date.parse(createdAt) - Date.now())).toBeLessThan(60_000);
    },
  );
});

it('every session of the engine waits for its commits, unless the database asks for even more', async () => {
  for (const [set, expected] of [
    ['off', 'on'],
    ['local', 'on'],
    ['remote_apply', 'remote_apply'],
  ]) {
    await database.pool.query(
      `do $$ begin execute format('alter database %I set synchronous_commit = ${set}', current_database()); end $$`,
    );
    const options = { databaseUrl: database.url, log, max: 1, applicationName: 'test' };
    for (const create of [createEnginePool, createMaintenancePool]) {
      const pool = create(options);
      const { rows } = await pool.query('show synchronous_commit');
      expect(rows).toEqual([{ synchronous_commit: expected }]);
      await pool.end();
    }
    const api = await createQueryPool({ databaseUrl: database.url, maximumPoolSize: 1 });
    const { sql } = await import('slonik');
    expect(await api.oneFirst(sql.unsafe`select current_setting('synchronous_commit')`)).toBe(
      expected,
    );
    await api.end();
  }
});
