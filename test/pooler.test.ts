import { once } from 'node:events';
import pg from 'pg';
import { createPool, sql } from 'slonik';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Receiver, startReceiver } from '../harness/receiver.ts';
import { connectionKindOf } from '../src/db/connection-kind.ts';
import { migrate } from '../src/db/migrate.ts';
import { graphileMigration } from '../src/db/names.ts';
import { makeRoles } from '../src/db/roles.ts';
import { createLog } from '../src/log.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { enqueue } from '../src/producer/index.ts';
import { createQueryPool } from '../src/queries/pool.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import {
  hasPgBouncer,
  type PgBouncer,
  type PoolMode,
  startPgBouncer,
} from './support/pgbouncer.ts';
import { connect, createTestRoles, type TestRoles } from './support/roles.ts';

// A real PgBouncer in front of Postgres, as Debian sets it up: what goes through it, and what says that it cannot.

const log = createLog('silent');

describe.skipIf(!hasPgBouncer)('behind PgBouncer', () => {
  let database: TestDatabase;
  let roles: TestRoles;
  let receiver: Receiver;

  beforeAll(async () => {
    database = await createTestDatabase();
    roles = await createTestRoles(database);
  });

  afterAll(() => roles[Symbol.asyncDispose]());

  beforeEach(async () => {
    await database.empty();
    receiver = await startReceiver();
    return () => receiver.close();
  });

  function open(mode: PoolMode, size?: number): Promise<PgBouncer> {
    const urls = [database.url, ...Object.values(roles.urls)];
    return startPgBouncer({ mode, urls, ...(size === undefined ? {} : { size }) });
  }

  it('the line to Postgres is told for what it is', async () => {
    await using direct = await connect(database.url);
    expect(await connectionKindOf(direct, database.url)).toBe('direct');
    for (const [mode, line] of [
      ['session', 'session pooler'],
      ['transaction', 'transaction pooler'],
      ['statement', 'transaction pooler'],
    ] as const) {
      await using pooler = await open(mode);
      const url = pooler.urlFor(database.url);
      await using client = await connect(url);
      expect(await connectionKindOf(client, url), mode).toBe(line);
    }
  });

  it.each([1, 3])('a pool of %i that others use as well is told apart, too', async (size) => {
    await using pooler = await open('transaction', size);
    const url = pooler.urlFor(database.url);
    const others = new pg.Pool({ connectionString: url, max: 8 });
    let isOver = false;
    const busy = Array.from({ length: 8 }, async () => {
      while (!isOver) await others.query('select pg_sleep(0.002)');
    });
    for (let time = 0; time < 5; time += 1) {
      await using client = await connect(url);
      expect(await connectionKindOf(client, url)).toBe('transaction pooler');
    }
    isOver = true;
    await Promise.all(busy);
    await others.end();
  });

  it('in session mode a worker works, once it has a session', async () => {
    await using pooler = await open('session', 20);
    await using posthorn = await startEngine(
      { url: pooler.urlFor(roles.urls.worker) },
      { api: true },
    );
    const id = await send(posthorn, '/session');
    expect(await ended(id)).toMatchObject({ status: 'delivered' });
  });

  describe('in transaction mode', () => {
    let pooler: PgBouncer;

    beforeAll(async () => {
      pooler = await open('transaction', 2);
    });

    afterAll(() => pooler[Symbol.asyncDispose]());

    it.each([false, true])(
      'a worker (with an API: %s) does not start, says why, and leaves no lock behind',
      async (api) => {
        const url = pooler.urlFor(roles.urls.worker);
        await expect(startEngine({ url }, { worker: true, api })).rejects.toThrow(
          'DATABASE_URL leads to a pooler in transaction mode, but a worker needs a direct connection to Postgres or a pooler in session mode. A pooler in transaction mode is enough for "posthorn api" and for producers',
        );
        expect(await locks()).toBe(0);
      },
    );

    it('what has to be migrated is refused, and what has not is not', async () => {
      const url = pooler.urlFor(roles.urls.owner);
      expect(await migrate({ databaseUrl: url, log })).toMatchObject({ applied: [] });
      const last = `where id = ${graphileMigration}`;
      await database.pool.query(`update posthorn_graphile.migrations set id = id - 1000 ${last}`);
      try {
        await expect(migrate({ databaseUrl: url, log })).rejects.toThrow(
          /^DATABASE_URL leads to a pooler in transaction mode, .*"posthorn migrate" with a DATABASE_URL that bypasses the pooler$/,
        );
      } finally {
        await database.pool.query(
          `update posthorn_graphile.migrations set id = id + 1000 where id < 0`,
        );
      }
      expect(await locks()).toBe(0);
    });

    it('roles are not made through it', async () => {
      const url = pooler.urlFor(database.url);
      await expect(makeRoles({ databaseUrl: url, log, prefix: roles.prefix })).rejects.toThrow(
        'DATABASE_URL leads to a pooler in transaction mode, but making roles needs a direct connection to Postgres',
      );
      await using client = await connect(url);
      expect((await client.query('show lock_timeout')).rows).toEqual([{ lock_timeout: '0' }]);
    });

    it('the API does its work, with more callers than sessions, and wakes a worker that has a direct line', async () => {
      await using worker = await startEngine({ url: roles.urls.worker });
      await using api = await startEngine(
        { url: pooler.urlFor(roles.urls.worker) },
        { worker: false, api: true },
      );
      expect((await fetch(`${api.address}/readyz`)).status).toBe(200);
      const claimed = once(worker.events, 'claimed');
      const ids = await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          send(api, `/${n}`, n % 2 === 0 ? {} : { idempotency_key: `key ${n}` }),
        ),
      );
      await claimed;
      expect(new Set(ids).size).toBe(40);
      for (const id of ids) expect(await ended(id)).toMatchObject({ status: 'delivered' });
      const list = await fetch(`${api.address}/webhooks?status=delivered&limit=30`);
      expect([list.status, await list.json()]).toMatchObject([200, { webhooks: { length: 30 } }]);
      const one = await fetch(`${api.address}/webhooks/${ids[0]}`);
      const { created_at: createdAt } = (await one.json()) as { created_at: string };
      expect(createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    });

    it('a key that comes twice at the same time gets one id', async () => {
      await using api = await startEngine(
        { url: pooler.urlFor(roles.urls.worker) },
        { worker: false, api: true },
      );
      const ids = await Promise.all(
        [1, 2, 3, 4].map(() => send(api, '/same', { idempotency_key: 'the same' })),
      );
      expect(new Set(ids).size).toBe(1);
    });

    it('the API’s settings hold for its statements, and for nobody else’s', async () => {
      const setting = z.object({ value: z.string() });
      const url = pooler.urlFor(roles.urls.worker);
      const line = 'transaction pooler';
      const pool = await createQueryPool({ databaseUrl: url, line, maximumPoolSize: 4 });
      const ask = (name: string) =>
        pool.oneFirst(sql.type(setting)`select current_setting(${name}) as value`);
      await using other = await connect(url);
      for (const [name, value] of [
        ['enable_sort', 'off'],
        ['jit', 'off'],
        ['statement_timeout', '10s'],
        ['lock_timeout', '5s'],
        ['TimeZone', 'UTC'],
      ] as const) {
        expect(await ask(name)).toBe(value);
        await using direct = await connect(roles.urls.worker);
        const { rows } = await direct.query(`show ${name}`);
        for (let time = 0; time < 3; time += 1) {
          expect((await other.query(`show ${name}`)).rows).toEqual(rows);
        }
      }
      await pool.end();
    });

    it('producers insert and enqueue, with pg and with slonik, and a rollback takes it back', async () => {
      const url = pooler.urlFor(roles.urls.producer);
      const pool = new pg.Pool({ connectionString: url, max: 10 });
      const produce = async (n: number) => {
        const client = await pool.connect();
        await client.query('begin');
        const id = await enqueue(client, {
          url: receiver.url,
          body: { n },
          idempotencyKey: `p ${n}`,
        });
        const { rows } = await client.query<{ id: string }>(
          `insert into posthorn.outbox (url, body) values ($1, $2) returning id`,
          [receiver.url, `${n}`],
        );
        await client.query(n % 2 === 0 ? 'commit' : 'rollback');
        client.release();
        return n % 2 === 0 ? [id, rows[0]?.id ?? ''] : [];
      };
      const ids = (await Promise.all(Array.from({ length: 30 }, (_, n) => produce(n)))).flat();
      await pool.end();
      // What PgBouncer refuses of a new connection, slonik sends unless told not to.
      await expect(createPool(url)).rejects.toThrow('unsupported startup parameter');
      const slonik = await createPool(url, {
        statementTimeout: 'DISABLE_TIMEOUT',
        idleInTransactionSessionTimeout: 'DISABLE_TIMEOUT',
        resetConnection: async () => {},
      });
      ids.push(
        await slonik.transaction((connection) =>
          enqueue(connection, { url: receiver.url, body: {} }),
        ),
      );
      await slonik.end();
      const { rows } = await database.pool.query<{ id: string }>('select id from posthorn.outbox');
      expect(rows.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
      expect(ids).toHaveLength(31);
    });
  });

  /** Advisory locks of this database that somebody holds. */
  async function locks(): Promise<number> {
    const { rows } = await database.pool.query<{ n: number }>(
      `select count(*)::integer as n
       from pg_locks
       where locktype = 'advisory'
         and database = (select oid from pg_database where datname = current_database())`,
    );
    return rows[0]?.n ?? -1;
  }

  async function send(posthorn: Posthorn, path: string, more: object = {}): Promise<string> {
    const response = await fetch(`${posthorn.address}/webhooks/send`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url: receiver.url + path, body: 'text', ...more }),
    });
    const text = await response.text();
    expect([response.status, text]).toEqual([202, expect.anything()]);
    return JSON.parse(text).id;
  }

  function ended(id: string): Promise<Record<string, unknown>> {
    return eventually(async () => {
      const { rows } = await database.pool.query(
        'select * from posthorn.webhooks where id = $1 and finished_at is not null',
        [id],
      );
      return rows[0];
    }, `webhook ${id} has ended`);
  }
});
