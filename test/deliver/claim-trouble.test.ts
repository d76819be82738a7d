import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '../../harness/receiver.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { createTestRoles, type TestRoles } from '../support/roles.ts';
import { scrape } from '../support/scrape.ts';

// What would stop all claims: notifications that say nonsense, and a database in which nothing can be claimed.

let database: TestDatabase;
let roles: TestRoles;
let receiver: Receiver;

beforeAll(async () => {
  database = await createTestDatabase();
  roles = await createTestRoles(database);
  receiver = await startReceiver();
});

afterAll(async () => {
  await receiver.close();
  await roles[Symbol.asyncDispose]();
});

it('a role without any right cannot stop deliveries with what it notifies', async () => {
  await using engine = await startEngine(database);
  const anyone = await roles.connect('producer');
  let ignored = 0;
  engine.events.on('callIgnored', () => {
    ignored += 1;
  });
  const payloads = ['closed:abc', 'rules:abc', 'closed:', 'rules:99999999999999999999', 'stop'];
  for (const payload of payloads) {
    await anyone.query('select pg_notify($1, $2)', ['posthorn_wake', payload]);
  }
  await eventually(async () => ignored === payloads.length, 'they are counted');
  await enqueue('/after-nonsense');
  const { series } = await scrape(engine.address);
  expect(series.get('posthorn_notifications_ignored_total')).toBe(payloads.length);
  expect(series.get('posthorn_claim_failures_total')).toBe(0);
  await anyone.end();
});

it('an endpoint that is resumed in a flood of notifications is sent to', async () => {
  await using _engine = await startEngine(database);
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.endpoints (url, status, max_in_flight) values ($1, 'paused', 3) returning id`,
    [`${receiver.url}/resumed`],
  );
  await database.pool.query(`insert into posthorn.outbox (endpoint_id, body) values ($1, '')`, [
    rows[0]?.id,
  ]);
  await using client = await flooding();
  const flood = client.flood();
  await database.pool.query(`update posthorn.endpoints set status = 'active' where id = $1`, [
    rows[0]?.id,
  ]);
  await flood;
  await receiver.until((requests) => requests.some(({ path }) => path === '/resumed'));
  await enqueue('/after-flood');
});

it('claims that all fail are told by readiness, a metric, the table of workers and an alert, and then are well again', async () => {
  await using engine = await startEngine(database, { api: true, claimsFailAfterMs: 500 });
  const readyz = async () => {
    const response = await fetch(`${engine.address}/readyz`);
    return `${response.status} ${((await response.json()) as { checks: { worker: string } }).checks.worker}`;
  };
  expect(await readyz()).toBe('200 ok');
  const fired = new Promise<string>((resolve) => {
    engine.events.on('alertFired', ({ rule, summary }) => {
      if (rule === 'claims_failing') resolve(summary);
    });
  });
  await database.pool.query(
    'alter table posthorn.attempts add constraint none check (number < 0) not valid',
  );
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body) values ($1, '') returning id`,
    [`${receiver.url}/late`],
  );
  await eventually(async () => (await readyz()) === '503 cannot claim', 'it is not ready');
  expect(await fired).toMatch(
    /^Claims have failed for \d+ seconds on 1 of 1 workers: .*"none".*\(23514\)$/,
  );
  const { series } = await scrape(engine.address);
  expect(series.get('posthorn_claim_failures_total')).toBeGreaterThan(0);
  expect(series.get('posthorn_worker_ready')).toBe(0);
  // It is nobody's fault but the table's: the webhook waits.
  const { rows: ended } = await database.pool.query(
    'select from posthorn.outcomes where webhook_id = $1',
    [rows[0]?.id],
  );
  expect(ended).toEqual([]);
  await database.pool.query('alter table posthorn.attempts drop constraint none');
  await receiver.until((requests) => requests.some(({ path }) => path === '/late'));
  expect(await readyz()).toBe('200 ok');
  await eventually(async () => {
    const workers = await database.pool.query<{ failing: string | null }>(
      'select claims_failing_since::text as failing from posthorn.workers',
    );
    return workers.rows[0]?.failing === null;
  }, 'the heartbeat says so');
});

/** Sends a webhook and waits for it. */
async function enqueue(path: string): Promise<void> {
  await database.pool.query(`insert into posthorn.outbox (url, body) values ($1, '')`, [
    `${receiver.url}${path}`,
  ]);
  await receiver.until((requests) => requests.some((request) => request.path === path));
}

async function flooding(): Promise<{ flood: () => Promise<unknown> } & AsyncDisposable> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const flood = async () => {
    for (let from = 0; from < 50_000; from += 10_000) {
      await client.query(
        `select pg_notify('posthorn_wake', 'closed:' || n) from generate_series($1::bigint, $1 + 9999) as n`,
        [from],
      );
    }
  };
  return { flood, [Symbol.asyncDispose]: () => client.end() };
}
