import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startPgBouncer } from '../../harness/pgbouncer.ts';
import { spawnWorker } from '../../harness/process.ts';
import { type Receiver, startReceiver } from '../../harness/receiver.ts';
import { startTemporaryPostgres, testSettings } from '../../harness/temporary-postgres.ts';
import { migrate } from '../../src/db/migrate.ts';
import { makeRoles } from '../../src/db/roles.ts';
import { createLog } from '../../src/log.ts';
import { isOnPath } from './example.ts';

/** What all examples run against: a Postgres with Posthorn, a worker, and a receiver. */
export interface World extends AsyncDisposable {
  readonly receiver: Receiver;
  /** The database as the login "shop" reaches it, which may send webhooks and no more. */
  readonly url: string;
  /** The same through PgBouncer in transaction mode; undefined: this machine has none. */
  readonly pooledUrl: string | undefined;
  /** The same as a superuser, who sees and may change everything, as many a developer's login does. */
  readonly superuserUrl: string;
  /** The path of the endpoint of the tenant "acme" that has subscribed to order.created. */
  readonly endpointPath: string;
  /** A superuser's connection. */
  readonly admin: pg.Client;
  /** Gives the login an empty schema public, so that no example finds the tables of another. */
  empty(): Promise<void>;
  /** Waits until nothing is queued; false: something still was after two minutes, and is cancelled. */
  settle(): Promise<boolean>;
  /** How many orders there are; undefined: there is no such table. */
  countOrders(): Promise<number | undefined>;
}

const endpointPath = '/endpoint-of-acme';
const settledWithinMs = 120_000;

/** Starts all of it. Disposing ends it and leaves nothing behind. After `signal` nothing is waited for. */
export async function openWorld(signal: AbortSignal): Promise<World> {
  const log = createLog('warn');
  await using stack = new AsyncDisposableStack();
  const server = stack.use(
    await startTemporaryPostgres({ name: 'examples', settings: testSettings, log }),
  );
  await migrate({ databaseUrl: server.url, log });
  await makeRoles({ databaseUrl: server.url, log, prefix: 'posthorn' });
  const admin = new pg.Client({ connectionString: server.url });
  admin.on('error', () => {});
  await admin.connect();
  stack.defer(() => admin.end());
  const url = await makeLogin(admin, server.url);
  const worker = await spawnWorker(server.url, { POSTHORN_LOG_ATTEMPTS: 'none' });
  stack.defer(async () => {
    await worker.end('SIGTERM');
  });
  const receiver = stack.use(await startReceiver());
  await subscribe(admin, receiver.url + endpointPath);
  const pooler = isOnPath('pgbouncer')
    ? stack.use(await startPgBouncer({ mode: 'transaction', urls: [url] }))
    : undefined;
  const running = stack.move();
  return {
    receiver,
    url,
    pooledUrl: pooler?.urlFor(url),
    superuserUrl: server.url,
    endpointPath,
    admin,
    empty: () => empty(admin),
    settle: () => settle(admin, signal),
    countOrders: () => countOrders(admin),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** A login of an application, as docs/roles.md makes it. */
async function makeLogin(admin: pg.Client, serverUrl: string): Promise<string> {
  const password = randomBytes(16).toString('hex');
  await admin.query(`create role shop login password '${password}' in role posthorn_producer`);
  const url = new URL(serverUrl);
  url.username = 'shop';
  url.password = password;
  return url.href;
}

async function subscribe(admin: pg.Client, url: string): Promise<void> {
  await admin.query(
    `with endpoint as (insert into posthorn.endpoints (tenant, url) values ('acme', $1) returning id)
     insert into posthorn.subscriptions (endpoint_id, event_type)
     select id, 'order.created'
     from endpoint`,
    [url],
  );
}

async function empty(admin: pg.Client): Promise<void> {
  await admin.query('drop schema public cascade');
  await admin.query('create schema public');
  await admin.query('grant all on schema public to shop');
}

async function settle(admin: pg.Client, signal: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + settledWithinMs;
  for (;;) {
    const { rows } = await admin.query<{ waiting: number }>(
      'select count(*)::integer as waiting from posthorn.queue',
    );
    if (rows[0]?.waiting === 0) return true;
    signal.throwIfAborted();
    if (Date.now() > deadline) {
      await admin.query('select posthorn.cancel(webhook_id) from posthorn.queue');
      return false;
    }
    await delay(50);
  }
}

async function countOrders(admin: pg.Client): Promise<number | undefined> {
  const { rows: tables } = await admin.query(
    `select where to_regclass('public.orders') is not null`,
  );
  if (tables.length === 0) return undefined;
  const { rows } = await admin.query<{ n: number }>(
    'select count(*)::integer as n from public.orders',
  );
  return rows[0]?.n;
}
