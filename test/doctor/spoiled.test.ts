import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasRedis, startRedis } from '../../harness/redis.ts';
import { makeRoles } from '../../src/db/roles.ts';
import { examine } from '../../src/doctor/examine.ts';
import { readHorizon } from '../../src/doctor/facts/horizon.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { judgeHorizon } from '../../src/doctor/judge/horizon.ts';
import { lookThrough } from '../../src/doctor/look.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase } from '../support/database.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { connect, urlAs } from '../support/roles.ts';

// A server that is spoiled in every way that the doctor knows of, really: each by itself, and that it was well before.

let server: OwnServer;
let database: Awaited<ReturnType<OwnServer['database']>>;

beforeAll(async () => {
  server = await startOwnServer({
    fsync: 'off',
    full_page_writes: 'off',
    autovacuum: 'off',
    max_connections: '40',
    max_prepared_transactions: '5',
  });
});

afterAll(() => server[Symbol.asyncDispose]());

beforeEach(async () => {
  database = await server.database();
});

afterEach(() => database[Symbol.asyncDispose]());

describe('the settings of the server', () => {
  it('fail when they lose what was committed, and it is said where they come from', async () => {
    expect(await finding('fsync')).toMatchObject({
      status: 'fail',
      found: 'off',
      remedy: 'Start Postgres with -c fsync=on: its command line now sets the opposite.',
    });
    expect(await finding('full_page_writes')).toMatchObject({ status: 'fail', found: 'off' });
    expect(await finding('autovacuum')).toMatchObject({
      status: 'fail',
      found: 'autovacuum off',
      remedy: 'Start Postgres with -c autovacuum=on: its command line now sets the opposite.',
    });
  });

  it('synchronous_commit: fails for this role, warns for others and for databases', async () => {
    expect(await finding('synchronous_commit')).toMatchObject({ status: 'ok', found: 'on' });
    await database.pool.query('create role shop; alter role shop set synchronous_commit = off');
    expect(await finding('synchronous_commit')).toMatchObject({
      status: 'warn',
      found: 'on, but off for the role shop',
      remedy: 'alter role shop reset synchronous_commit;',
    });
    await database.pool.query('drop role shop');
    const name = new URL(database.url).pathname.slice(1);
    await database.pool.query(`alter database ${name} set synchronous_commit = off`);
    expect(await finding('synchronous_commit')).toMatchObject({
      status: 'fail',
      found: 'off',
      remedy: `alter database ${name} reset synchronous_commit;`,
    });
  });

  it('a database that takes no writes fails', async () => {
    expect(await finding('primary')).toMatchObject({ status: 'ok' });
    const name = new URL(database.url).pathname.slice(1);
    await database.pool.query(`alter database ${name} set default_transaction_read_only = on`);
    expect(await finding('primary')).toMatchObject({
      status: 'fail',
      found: 'default_transaction_read_only is on',
    });
  });

  it('a log that repeats secrets is a warning', async () => {
    expect(await finding('server log')).toMatchObject({ status: 'ok' });
    const name = new URL(database.url).pathname.slice(1);
    await database.pool.query(
      `alter database ${name} set log_min_error_statement = 'error';
       alter database ${name} set log_statement = 'all'`,
    );
    expect(await finding('server log')).toMatchObject({
      status: 'warn',
      found: 'log_min_error_statement is error, log_statement is all',
      remedy: `alter database ${name} reset log_min_error_statement; alter database ${name} reset log_statement;`,
    });
  });

  it('too few connections left is a warning, and next to none a failure', async () => {
    expect(await finding('connections')).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(/^\d\d free of 40 \(max_connections\)$/),
    });
    await database.pool.query(`create role few login password 'secret' connection limit 6`);
    try {
      const url = urlAs(database.url, 'few');
      expect(await finding('connections', url)).toMatchObject({
        status: 'warn',
        found: '5 free of 6 (of the role)',
      });
      const clients = await Promise.all([1, 2, 3].map(() => connect(url)));
      expect(await finding('connections', url)).toMatchObject({
        status: 'fail',
        found: '2 free of 6 (of the role)',
      });
      for (const client of clients) await client.end();
    } finally {
      await database.pool.query('drop role few');
    }
  });
});

describe('the schema', () => {
  it('that is not there, or behind, fails, and what is in it is not looked at', async () => {
    const checks = async () => (await look()).map(({ check }) => check);
    expect(await checks()).toContain('partitions');
    await database.pool.query(
      `update posthorn.migrations set name = '0001_older' where name = '0002_endpoints'`,
    );
    expect(await finding('migrations')).toMatchObject({
      status: 'fail',
      found: 'pending: 0002_endpoints',
      remedy: 'posthorn migrate',
    });
    expect(await checks()).not.toContain('partitions');
    await database.pool.query('drop schema posthorn cascade');
    expect(await finding('migrations')).toMatchObject({ status: 'fail', found: 'none is applied' });
  });

  it('of a newer version is a warning', async () => {
    await database.pool.query(
      `insert into posthorn.migrations (name, run_on) values ('9999_later', now());
       insert into posthorn_graphile.migrations (id) values (999)`,
    );
    expect(await finding('migrations')).toMatchObject({
      status: 'warn',
      found: 'unknown here: 9999_later',
    });
    expect(await finding('graphile worker')).toMatchObject({
      status: 'warn',
      found: expect.stringMatching(/^at 999, and this version knows \d+$/),
    });
  });

  it('without Graphile Worker’s fails', async () => {
    await database.pool.query('drop schema posthorn_graphile cascade');
    expect(await finding('migrations')).toMatchObject({ status: 'ok' });
    expect(await finding('graphile worker')).toMatchObject({
      status: 'fail',
      found: 'not there',
      remedy: 'posthorn migrate',
    });
  });

  it('with an unlogged table or a disabled trigger fails', async () => {
    expect(await finding('logged tables')).toMatchObject({ status: 'ok', found: 'all' });
    expect(await finding('triggers')).toMatchObject({ status: 'ok' });
    await database.pool.query(
      `alter table posthorn.queue set unlogged;
       alter table posthorn.outbox disable trigger outbox_to_queue;
       drop trigger endpoint_changes on posthorn.endpoints`,
    );
    expect(await finding('logged tables')).toMatchObject({
      status: 'fail',
      remedy: 'alter table posthorn.queue set logged;',
    });
    expect(await finding('triggers')).toMatchObject({
      status: 'fail',
      found: 'disabled or missing: outbox_to_queue on outbox, endpoint_changes on endpoints',
    });
  });

  it('whose triggers do not fire for a role is a warning', async () => {
    await database.pool.query(
      'create role copier; alter role copier set session_replication_role = replica',
    );
    expect(await finding('triggers')).toMatchObject({
      status: 'warn',
      remedy: 'alter role copier reset session_replication_role;',
    });
    await database.pool.query('drop role copier');
  });

  it('without the partitions of these days fails; of the day after, warns', async () => {
    expect(await finding('partitions')).toMatchObject({ status: 'ok' });
    const drop = (ahead: number) =>
      database.pool.query(
        `select posthorn.drop_partitions((now() at time zone 'UTC')::date + $1::integer)`,
        [ahead],
      );
    await drop(2);
    expect(await finding('partitions')).toMatchObject({
      status: 'warn',
      found: expect.stringMatching(/^missing: \d{4}-\d\d-\d\d of outbox, attempts, outcomes$/),
    });
    await drop(1);
    expect(await finding('partitions')).toMatchObject({ status: 'fail' });
    await drop(0);
    expect(await finding('default partitions')).toMatchObject({ status: 'ok' });
    await database.pool.query(`insert into posthorn.outbox (url, body) values ('http://a', '')`);
    const stranded = await finding('default partitions');
    expect(stranded).toMatchObject({
      status: 'warn',
      found: expect.stringMatching(/^rows of \d{4}-\d\d-\d\d$/),
    });
    await database.pool.query(stranded?.remedy ?? '');
    expect(await finding('default partitions')).toMatchObject({ status: 'ok' });
  });

  it('of which a table alone has no partition for today fails', async () => {
    await database.pool.query(
      `do $$ begin execute format('drop table posthorn.outcomes_%s', to_char(now() at time zone 'UTC', 'YYYYMMDD')); end $$`,
    );
    expect(await finding('partitions')).toMatchObject({
      status: 'fail',
      found: expect.stringMatching(/ of outcomes$/),
    });
  });
});

describe('an application in the same database', () => {
  it('whose tables would land in the schema posthorn, because a login has its name, is a warning', async () => {
    expect(await finding('search path')).toMatchObject({
      status: 'ok',
      found: 'begins with public',
    });
    await database.pool.query(`create role posthorn login superuser password 'secret'`);
    try {
      const url = urlAs(database.url, 'posthorn');
      const path = await finding('search path', url);
      const name = new URL(database.url).pathname.slice(1);
      expect(path).toMatchObject({
        status: 'warn',
        found: 'begins with posthorn, for the role posthorn',
        remedy: `alter database ${name} set search_path = public;`,
      });
      await database.pool.query(path?.remedy ?? '');
      expect(await finding('search path', url)).toMatchObject({ status: 'ok' });
      await database.pool.query(`alter role posthorn set search_path = posthorn, public`);
      const ofRole = await finding('search path', url);
      expect(ofRole).toMatchObject({
        status: 'warn',
        remedy: `alter role posthorn in database ${name} set search_path = public;`,
      });
      await database.pool.query(ofRole?.remedy ?? '');
      expect(await finding('search path', url)).toMatchObject({ status: 'ok' });
    } finally {
      await database.pool.query('drop role posthorn');
    }
  });

  it('with tables in the schema posthorn is a warning', async () => {
    expect(await finding('foreign tables')).toMatchObject({ status: 'ok', found: 'none' });
    await database.pool.query(
      `create table posthorn."Orders" (id integer); create view posthorn.totals as select 1 as one`,
    );
    const foreign = await finding('foreign tables');
    expect(foreign).toMatchObject({ status: 'warn', found: 'Orders, totals' });
    await database.pool.query(/alter table [^;]+;/.exec(foreign?.remedy ?? '')?.[0] ?? '');
    expect(await finding('foreign tables')).toMatchObject({ found: 'totals' });
  });

  it('whose tables belong to a role that can drop those of Posthorn is a warning', async () => {
    expect(await finding('table owner')).toMatchObject({ status: 'ok' });
    await database.pool.query('create table public.orders (id integer)');
    expect(await finding('table owner')).toMatchObject({
      status: 'warn',
      found: 'postgres also owns 1 table, such as public.orders',
      remedy: expect.stringContaining('"posthorn roles"'),
    });
    await database.pool.query(
      `create role shop login password 'secret'; alter table public.orders owner to shop`,
    );
    try {
      expect(await finding('table owner')).toMatchObject({ status: 'ok' });
      // As the former owner, once "posthorn roles" has given the schema to another.
      await database.pool.query(
        'create role keeper; alter schema posthorn owner to keeper; grant keeper to shop',
      );
      expect(await finding('table owner')).toMatchObject({
        status: 'warn',
        found: 'shop also owns 1 table, such as public.orders',
      });
    } finally {
      await database.pool.query(
        'alter schema posthorn owner to postgres; drop table public.orders; drop role shop; drop role keeper',
      );
    }
  });
});

describe('vacuum', () => {
  it('that is off for a table, or no longer tuned, is noticed', async () => {
    // On a server that has its autovacuum.
    await using well = await createTestDatabase();
    expect(await finding('autovacuum', well.url)).toMatchObject({ status: 'ok', found: 'on' });
    await well.pool.query('alter table posthorn.queue set (autovacuum_enabled = off)');
    expect(await finding('autovacuum', well.url)).toMatchObject({
      status: 'fail',
      found: 'off for posthorn.queue',
    });
    await well.pool.query(`alter table posthorn.queue reset (autovacuum_vacuum_threshold)`);
    expect(await finding('settings of tables', well.url)).toMatchObject({
      status: 'warn',
      remedy: 'alter table posthorn.queue set (autovacuum_vacuum_threshold=5000);',
    });
  });

  it('that does not come leaves dead rows: a warning, and later a failure', async () => {
    expect(await finding('dead rows')).toMatchObject({ status: 'ok' });
    // Rows of a transaction that is rolled back are dead as well, and without indexes half a million of them take a second.
    await database.pool.query(
      `alter table posthorn.queue drop constraint queue_pkey;
       do $$
       declare name regclass;
       begin
         for name in select indexrelid from pg_index where indrelid = 'posthorn.queue'::regclass loop
           execute format('drop index %s', name);
         end loop;
       end $$`,
    );
    const churn = async (rows: number) => {
      await database.pool.query(
        `begin;
         insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
         select id, id, 1, 1, 'infinity' from generate_series(1, ${rows}), gen_random_uuid() as id;
         rollback`,
      );
      await database.pool.query('select pg_stat_force_next_flush()');
    };
    await churn(60_000);
    expect(await finding('dead rows')).toMatchObject({
      status: 'warn',
      found: 'posthorn.queue 60000 dead of 60000, never vacuumed',
      remedy: expect.stringContaining('vacuum (verbose) posthorn.queue;'),
    });
    await churn(450_000);
    expect(await finding('dead rows')).toMatchObject({ status: 'fail' });
    await database.pool.query('vacuum posthorn.queue');
    expect(await finding('dead rows')).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(/^few; posthorn\.queue 0 dead of 0, vacuumed \d+ s ago$/),
    });
  });
});

describe('what holds vacuum back', () => {
  it('an open transaction with a snapshot: a warning after 5 minutes, a failure after an hour', async () => {
    expect(await finding('open transactions')).toMatchObject({ status: 'ok', found: 'none' });
    await using client = await connect(database.url);
    await client.query('begin isolation level repeatable read; select from posthorn.queue');
    expect(await finding('open transactions')).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(/^the oldest for \d+ s$/),
    });
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(await horizonIn(400, 'open transactions')).toMatchObject({
      status: 'warn',
      found: `idle in transaction for 7 min (pid ${rows[0]?.pid}, postgres)`,
      remedy: expect.stringContaining(`pg_terminate_backend(${rows[0]?.pid})`),
    });
    expect(await horizonIn(4_000, 'open transactions')).toMatchObject({ status: 'fail' });
  });

  it('one that has written holds it back as well, and one that has only looked does not', async () => {
    await using client = await connect(database.url);
    await client.query('begin; select from posthorn.queue');
    expect(await finding('open transactions')).toMatchObject({ found: 'none' });
    await client.query('insert into posthorn.workers values (99, $$h$$, 1, $$1$$)');
    expect(await horizonIn(400, 'open transactions')).toMatchObject({ status: 'warn' });
  });

  it('a prepared transaction, with how to end it', async () => {
    expect(await finding('prepared transactions')).toMatchObject({ status: 'ok', found: 'none' });
    await using client = await connect(database.url);
    await client.query(
      `begin; insert into posthorn.workers values (99, 'h', 1, '1'); prepare transaction 'forgotten'`,
    );
    const forgotten = await horizonIn(400, 'prepared transactions');
    expect(forgotten).toMatchObject({
      status: 'warn',
      found: '1 transaction, forgotten of postgres for 7 min',
    });
    expect(await horizonIn(4_000, 'prepared transactions')).toMatchObject({ status: 'fail' });
    await client.query(`rollback prepared 'forgotten'`);
    expect(forgotten?.remedy).toContain(`rollback prepared 'forgotten'`);
  });

  it('a replication slot that nobody uses, with how to drop it', async () => {
    expect(await finding('replication slots')).toMatchObject({ status: 'ok', found: 'none' });
    await database.pool.query(`select pg_create_physical_replication_slot('abandoned', true)`);
    const slot = await finding('replication slots');
    expect(slot).toMatchObject({
      status: 'warn',
      found: expect.stringMatching(/^abandoned is not in use, holds \d+ [kM]B of WAL$/),
      remedy: expect.stringMatching(/max_slot_wal_keep_size limits what a slot may hold\.$/),
    });
    await database.pool.query(/select pg_drop[^;]+;/.exec(slot?.remedy ?? '')?.[0] ?? '');
    expect(await finding('replication slots')).toMatchObject({ status: 'ok' });
  });

  /** As if what holds it back now had begun so much earlier. */
  async function horizonIn(laterS: number, check: string): Promise<Finding | undefined> {
    await using client = await connect(database.url);
    const facts = await readHorizon(lookThrough(client), { isInRecovery: false });
    const aged = {
      ...facts,
      transactions: facts.transactions.map((one) => ({ ...one, age_s: one.age_s + laterS })),
      prepared: facts.prepared.map((one) => ({ ...one, age_s: one.age_s + laterS })),
    };
    return judgeHorizon(aged, {}).find((one) => one.check === check);
  }
});

describe('roles', () => {
  const prefix = 'spoiled';

  it('that miss a right fail, and those with more are a warning', async () => {
    expect(await finding('roles')).toMatchObject({ status: 'ok', found: 'not made' });
    await makeRoles({ databaseUrl: database.url, log: createLog('silent'), prefix });
    expect(await finding('roles')).toMatchObject({
      status: 'ok',
      found: 'spoiled_owner, spoiled_producer, spoiled_worker, spoiled_reader',
    });
    await database.pool.query(`grant select (secret) on posthorn.outbox to ${prefix}_producer`);
    expect(await finding('roles')).toMatchObject({
      status: 'warn',
      found: 'more than that: producer: select (secret) on outbox',
    });
    await database.pool.query(`revoke delete on posthorn.queue from ${prefix}_worker`);
    expect(await finding('roles')).toMatchObject({
      status: 'fail',
      found: 'missing: worker: delete on queue; and has more: producer: select (secret) on outbox',
      remedy: 'posthorn roles --prefix spoiled',
    });
  });

  it.each([
    ['owner', 'ok', 'spoiled_o, owner of the schema or a member of it'],
    ['worker', 'ok', 'spoiled_w, with the rights of a worker'],
    ['reader', 'warn', 'spoiled_r, with the rights of a reader'],
    ['producer', 'warn', 'spoiled_p, with the rights of a producer'],
  ])('a member of the %s is told as one', async (kind, status, found) => {
    const login = `${prefix}_${kind[0]}`;
    await makeRoles({ databaseUrl: database.url, log: createLog('silent'), prefix });
    await database.pool.query(
      `create role ${login} login password 'secret' in role ${prefix}_${kind}`,
    );
    const url = urlAs(database.url, login);
    expect(await finding('role', url)).toMatchObject({ status, found });
    expect(await finding('sight', url)).toMatchObject({
      status: 'warn',
      remedy: `grant pg_read_all_stats to ${login};`,
    });
    // What it may not see is not called well.
    const graphile = await finding('graphile worker', url);
    expect(graphile?.status).toBe(kind === 'producer' ? 'warn' : 'ok');
  });

  it('a stranger and a superuser are told apart from these', async () => {
    await database.pool.query(`create role stranger login password 'secret'`);
    const found = await look(urlAs(database.url, 'stranger'));
    const told = found.find(({ check }) => check === 'role');
    expect(told).toMatchObject({
      status: 'fail',
      found: expect.stringMatching(
        /^stranger lacks usage on posthorn, usage on posthorn_graphile, select on outbox and \d+ more$/,
      ),
    });
    expect(found.filter(({ found: text }) => text.startsWith('cannot be told'))).toEqual([]);
    await database.pool.query('drop role stranger');
    expect(await finding('role')).toMatchObject({ status: 'warn', found: 'postgres, a superuser' });
    const embedded = await examine({ ...patient(database.url), isEmbedded: true });
    expect(embedded.find(({ check }) => check === 'role')).toMatchObject({ status: 'ok' });
  });

  it('a worker from whom row-level security hides Graphile’s jobs fails', async () => {
    await makeRoles({ databaseUrl: database.url, log: createLog('silent'), prefix });
    await database.pool.query(
      `drop policy ${prefix}_worker on posthorn_graphile._private_jobs;
       create role blind login password 'secret' in role ${prefix}_worker`,
    );
    expect(await finding('graphile worker', urlAs(database.url, 'blind'))).toMatchObject({
      status: 'fail',
      found: 'row-level security hides the jobs from this role',
    });
  });
});

describe('what runs', () => {
  it('no worker is a warning, and a failure once something is due', async () => {
    expect(await finding('workers')).toMatchObject({
      status: 'warn',
      found: 'none; nothing is due',
    });
    await database.pool.query(`insert into posthorn.outbox (url, body) values ('http://a', '')`);
    await database.pool.query(`update posthorn.queue set due_at = now() - interval '10 minutes'`);
    expect(await finding('workers')).toMatchObject({
      status: 'fail',
      found: 'none, and webhooks have been due for 10 min',
    });
  });

  it('a worker that is silent is a warning, one that speaks is well', async () => {
    await using client = await connect(database.url);
    await client.query(`select pg_advisory_lock(1886352244, 3)`);
    await client.query(
      `insert into posthorn.workers (number, host, pid, version) values (3, 'here', 1, '1.2.3')`,
    );
    expect(await finding('workers')).toMatchObject({
      status: 'ok',
      found: '1 worker, version 1.2.3',
    });
    await client.query(`update posthorn.workers set seen_at = now() - interval '3 minutes'`);
    expect(await finding('workers')).toMatchObject({
      status: 'warn',
      found: 'silent: 3 on here for 3 min',
    });
  });

  it.skipIf(!hasRedis)('Redis is asked', async () => {
    await using redis = await startRedis();
    const ask = async () =>
      (await examine({ ...patient(database.url), redisUrl: redis.url })).at(-1);
    expect(await ask()).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(/^answers in \d+ ms$/),
    });
    redis.signal('SIGSTOP');
    expect(await ask()).toMatchObject({ check: 'redis', status: 'warn' });
    redis.signal('SIGCONT');
  });

  it.skipIf(!hasPgBouncer)(
    'a pooler in transaction mode is a warning, and all else is seen through it',
    async () => {
      await using pooler = await startPgBouncer({
        mode: 'transaction',
        urls: [database.url],
        size: 1,
      });
      const direct = await look();
      const pooled = await look(pooler.urlFor(database.url));
      expect(pooled.find(({ check }) => check === 'line')).toMatchObject({
        status: 'warn',
        found: 'a pooler in transaction mode',
      });
      const others = (findings: readonly Finding[]) =>
        findings
          .filter(({ check }) => !['line', 'connections', 'clock'].includes(check))
          .map(({ check, status }) => [check, status]);
      expect(others(pooled)).toEqual(others(direct));
    },
  );
});

it('a question that takes too long, or cannot be asked, leaves the others', async () => {
  await using client = await connect(database.url);
  await client.query('begin; lock table posthorn.queue in access exclusive mode');
  const findings = await look();
  expect(findings.find(({ check }) => check === 'workers')).toMatchObject({
    status: 'warn',
    found: expect.stringMatching(/^unknown: .*lock timeout/),
  });
  expect(findings.find(({ check }) => check === 'clock')).toMatchObject({ status: 'ok' });
});

it('the doctor changes nothing', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  // The server may cut it off while it ends.
  pool.on('connect', (client) => client.on('error', () => {}));
  const nextTransaction = async () =>
    (await pool.query('select pg_snapshot_xmax(pg_current_snapshot()) as id')).rows;
  await look();
  const before = await nextTransaction();
  expect((await look()).length).toBeGreaterThan(25);
  expect(await nextTransaction()).toEqual(before);
  await pool.end();
});

function patient(databaseUrl: string) {
  return {
    databaseUrl,
    isEmbedded: false,
    dataDir: '.',
    redisUrl: undefined,
    keyRing: undefined,
    environment: '',
  };
}

function look(databaseUrl = database.url): Promise<Finding[]> {
  return examine(patient(databaseUrl));
}

async function finding(check: string, databaseUrl = database.url): Promise<Finding | undefined> {
  return (await look(databaseUrl)).find((one) => one.check === check);
}
