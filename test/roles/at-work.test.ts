import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRunPsql } from '../../harness/can-run.ts';
import { startReceiver } from '../../harness/receiver.ts';
import { migrate } from '../../src/db/migrate.ts';
import { graphileMigration } from '../../src/db/names.ts';
import { createLog } from '../../src/log.ts';
import { cronItems } from '../../src/maintenance/crontab.ts';
import type { Posthorn } from '../../src/posthorn.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { connect, createTestRoles, type TestRoles } from '../support/roles.ts';
import { forFile } from '../support/world.ts';

// Each role does its work: the real worker and API with the worker's rights, a producer, a reader, an upgrade by the owner.

let database: TestDatabase;
let roles: TestRoles;
let posthorn: Posthorn;
const receiver = forFile(startReceiver);

beforeAll(async () => {
  database = await createTestDatabase();
  roles = await createTestRoles(database);
  posthorn = await start();
});

afterAll(async () => {
  await posthorn.stop();
  await roles[Symbol.asyncDispose]();
});

describe('with the rights of a worker', () => {
  it('what a producer inserts and enqueues is delivered, and what fails is retried', async () => {
    await using producer = await roles.connect('producer');
    let answers = 0;
    receiver.answer((_request, response) => {
      answers += 1;
      response.statusCode = answers === 1 ? 503 : 200;
      response.end();
    });
    await producer.query('begin');
    const inserted = await producer.query<{ id: string }>(
      `insert into posthorn.outbox (url, body, secret) values ($1, 'text', 'a secret') returning id`,
      [`${receiver.url}/inserted`],
    );
    await producer.query('commit');
    const id = inserted.rows[0]?.id ?? '';
    expect(await ended(id)).toMatchObject({ status: 'delivered', attempts: 2 });
    const enqueued = await producer.query<{ id: string }>(
      `select posthorn.enqueue(url => $1, body => 'text', idempotency_key => 'once') as id`,
      [`${receiver.url}/enqueued`],
    );
    expect(await ended(enqueued.rows[0]?.id ?? '')).toMatchObject({ status: 'delivered' });
  });

  it('the API does all that it can', async () => {
    const send = { url: `${receiver.url}/api`, body: 'text', idempotency_key: 'by the API' };
    const { id } = await ask('POST', '/webhooks/send', { json: send, status: 202 });
    expect(await ask('POST', '/webhooks/send', { json: send, status: 202 })).toMatchObject({ id });
    await ask('POST', '/webhooks/send', { json: { ...send, body: 'other' }, status: 409 });
    await ended(String(id));
    await ask('GET', `/webhooks/${id}`, { status: 200 });
    await ask('GET', '/webhooks?status=delivered', { status: 200 });
    const endpoint = await ask('POST', '/endpoints', {
      json: { url: `${receiver.url}/endpoint`, ordered: true },
      status: 201,
    });
    const path = `/endpoints/${endpoint['id']}`;
    await ask('PATCH', path, { json: { max_in_flight: 2 }, status: 200 });
    for (const verb of ['pause', 'resume', 'disable', 'enable']) {
      await ask('POST', `${path}/${verb}`, { status: 200 });
    }
    const test = await ask('POST', `${path}/test`, { status: 202 });
    expect(await ended(String(test['id']))).toMatchObject({ status: 'delivered' });
    const ordered = await ask('POST', '/webhooks/send', {
      json: { endpoint_id: endpoint['id'], body: 'text' },
      status: 202,
    });
    expect(await ended(String(ordered['id']))).toMatchObject({ status: 'delivered' });
    await ask('GET', '/endpoints', { status: 200 });
    await ask('DELETE', path, { status: 204 });
    await ask('GET', '/readyz', { status: 200 });
  });

  it.each(cronItems().map(({ task }) => task))('%s is done', async (task) => {
    // Something for each of them to do.
    await database.pool.query(
      `select posthorn.drop_partitions(current_date + 3);
       select posthorn.make_partitions(current_date - 90);
       insert into posthorn.idempotency_keys values ('', $$$$ || gen_random_uuid(), posthorn.uuid_v7(), '-infinity')`,
    );
    // Others may be done by the crontab meanwhile.
    const { promise, resolve } = Promise.withResolvers<Readonly<Record<string, unknown>>>();
    posthorn.events.on('maintained', (done) => {
      if (done.task === task) resolve(done.detail);
    });
    await database.pool.query('select posthorn_graphile.add_job($1)', [task]);
    const detail = await promise;
    expect(Object.keys(detail)).not.toHaveLength(0);
    if (task === 'posthorn:partitions') expect(detail['made']).toBe(3);
    if (task === 'posthorn:prune') expect(detail['dropped']).toHaveLength(1);
  });

  it('what a dead worker left is rescued', async () => {
    await database.pool.query(
      `insert into posthorn.workers (number, host, pid, version, graphile_pool) values (77, 'gone', 1, '1', 'none')`,
    );
    const { rows } = await database.pool.query<{ id: string }>(
      `select posthorn.enqueue(url => $1, body => 'text', send_at => now() + interval '1 minute') as id`,
      [`${receiver.url}/left`],
    );
    const id = rows[0]?.id ?? '';
    await database.pool.query(
      `with leased as (
         update posthorn.queue
         set lease_until = now() + interval '1 hour', leased_by = 77, attempts = 1, due_at = now()
         where webhook_id = $1
         returning webhook_id
       )
       insert into posthorn.attempts (webhook_id, number, worker) select webhook_id, 1, 77 from leased`,
      [id],
    );
    expect(await ended(id)).toMatchObject({ status: 'delivered', attempts: 2 });
  });
});

describe.skipIf(!canRunPsql('a reader'))('a reader', () => {
  const folder = fileURLToPath(new URL('../../sql/history/', import.meta.url));

  it.each(readdirSync(folder))('can run the report %s', async (file) => {
    const { rows } = await database.pool.query<{ id: string }>(
      'select id from posthorn.outbox limit 1',
    );
    const { stdout, stderr } = spawnSync(
      'psql',
      [roles.urls.reader, '-X', '-v', `id=${rows[0]?.id}`, '-f', `${folder}${file}`],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/\(\d+ rows?\)/);
  });
});

describe('when a new version brings migrations', () => {
  const log = createLog('silent');

  it('a worker says who must apply them; the owner’s member does, and gives the worker its rights', async () => {
    await using upgraded = await createUpgrade();
    const { names, urls } = upgraded.roles;
    const refused = migrate({ databaseUrl: urls.worker, log });
    await expect(refused).rejects.toThrow(
      `The role ${names.worker}_login may not bring the schema up to date: run "posthorn migrate" as its owner ${names.owner}, or as a member of that role, first`,
    );
    await expect(start(upgraded)).rejects.toThrow('may not bring the schema up to date');
    expect(await migrate({ databaseUrl: urls.owner, log })).toMatchObject({ applied: [] });
    await using client = await connect(urls.worker);
    await client.query('select from posthorn.queue; select posthorn_graphile.add_job($$none$$)');
    const worker = await start(upgraded);
    await worker.stop();
  });

  it('what they make belongs to the owner, whoever applies them', async () => {
    await using upgraded = await createUpgrade();
    const { pool } = upgraded.database;
    // As an older one left it: this function is made by the migration that is to come.
    await pool.query(`drop function posthorn_graphile.add_job`);
    await migrate({ databaseUrl: upgraded.roles.urls.owner, log });
    const { rows } = await pool.query(
      `select pg_get_userbyid(proowner) as owner from pg_proc where proname = 'add_job'
         and pronamespace = 'posthorn_graphile'::regnamespace`,
    );
    expect(rows).toEqual([{ owner: upgraded.roles.names.owner }]);
  });

  it('those that are behind wait for the one that applies them', async () => {
    await using upgraded = await createUpgrade();
    const { urls } = upgraded.roles;
    const lock = 'select pg_advisory_lock(1886352244, -2)';
    await using holder = await connect(urls.owner);
    await holder.query(lock);
    const waiting = migrate({ databaseUrl: urls.worker, log });
    await eventually(async () => {
      const { rowCount } = await upgraded.database.pool.query(
        // It asks again and again.
        `select from pg_stat_activity
         where datname = current_database() and query like 'select pg_try_advisory_lock%'`,
      );
      return rowCount === 1;
    }, 'the worker waits');
    await holder.query(
      `insert into posthorn_graphile.migrations (id) values (${graphileMigration})`,
    );
    await holder.query('select pg_advisory_unlock_all()');
    expect(await waiting).toMatchObject({ applied: [] });
  });
});

it('a role without rights is told which it needs', async () => {
  await expect(
    migrate({ databaseUrl: roles.urls.producer, log: createLog('silent') }),
  ).rejects.toThrow(`The role ${roles.names.producer}_login may not use the schema posthorn`);
});

/** A database with roles whose schema is one migration behind, with what the worker may do taken back. */
async function createUpgrade(): Promise<
  { database: TestDatabase; roles: TestRoles } & AsyncDisposable
> {
  const older = await createTestDatabase();
  const olderRoles = await createTestRoles(older);
  const { worker } = olderRoles.names;
  await older.pool.query(
    `delete from posthorn_graphile.migrations where id = ${graphileMigration};
     revoke all on all tables in schema posthorn from ${worker};
     grant select on posthorn.migrations, posthorn.definitions to ${worker}`,
  );
  return {
    database: older,
    roles: olderRoles,
    [Symbol.asyncDispose]: () => olderRoles[Symbol.asyncDispose](),
  };
}

/** Worker and API, as a member of the worker's role. */
function start(on = { database, roles }): Promise<Posthorn> {
  return startEngine(
    { ...on.database, url: on.roles.urls.worker },
    { api: true, env: { POSTHORN_RETRY_SCHEDULE: '100ms' } },
  );
}

async function ask(
  method: string,
  path: string,
  { json, status }: { json?: object; status: number },
): Promise<Record<string, unknown>> {
  const response = await fetch(posthorn.address + path, {
    method,
    ...(json === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(json) }),
  });
  const text = await response.text();
  expect([response.status, text]).toEqual([status, expect.anything()]);
  return text === '' ? {} : JSON.parse(text);
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
