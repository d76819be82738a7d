import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../../harness/receiver.ts';
import { migrate } from '../../src/db/migrate.ts';
import { examine } from '../../src/doctor/examine.ts';
import { createLog } from '../../src/log.ts';
import { runHere } from '../support/command-here.ts';
import { copyDatabase, createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { scrape } from '../support/scrape.ts';
import { forEachTest } from '../support/world.ts';

// A copy of a database sends nothing until somebody says that it is to send; the original goes on.

const receiver = forEachTest(startReceiver);

describe('a copy of a database in which a worker has been', () => {
  let original: TestDatabase;
  let copy: TestDatabase;

  beforeAll(async () => {
    original = await createTestDatabase();
    await (await startEngine(original)).stop();
    await original.pool.query(
      `with sent as (
         insert into posthorn.outbox (url, body)
         select 'http://127.0.0.1:9/' || n, '{}' from generate_series(1, 3) as n
         returning id
       )
       insert into posthorn.replays (statuses, from_at) values ('{failed}', now())`,
    );
    // In the middle of its work: a worker has claimed one.
    await original.pool.query(
      `with worker as (
         insert into posthorn.workers (number, host, pid, version) values (77, 'production', 1, '0') returning number
       )
       update posthorn.queue
       set lease_until = now() + interval '1 hour', leased_by = 77
       where webhook_id = (select min(webhook_id::text)::uuid from posthorn.queue)`,
    );
    copy = await copyDatabase(original);
  });

  afterAll(async () => {
    await copy.drop();
    await original.drop();
  });

  it('sends nothing and says why everywhere, while the original goes on', async () => {
    await using posthorn = await startEngine(copy, {
      api: true,
      until: 'workerHeld',
      env: { POSTHORN_ALERT_URL: `${receiver.url}/alerts` },
    });
    await enqueue(copy, '/copy');

    const ready = await fetch(`${posthorn.address}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      {
        ready: false,
        checks: { database: 'ok', worker: 'held', hold: expect.stringMatching(/is a copy/) },
      },
    ]);
    expect((await scrape(posthorn.address)).value('posthorn_held')).toBe(1);
    expect((await finding(copy))?.remedy).toContain('select posthorn.resume();');
    const { stdout } = await posthornFor(copy, 'status');
    expect(stdout).toMatch(
      /^Nothing is sent: This database is a copy or was moved: .*posthorn resume/,
    );
    const alert = await eventually(async () => {
      const { rows } = await copy.pool.query(
        `select rule, severity, summary from posthorn.alerts where fired_at is not null`,
      );
      return rows.length > 0 && rows;
    }, 'the alert');
    expect(alert).toEqual([
      { rule: 'held', severity: 'critical', summary: expect.stringContaining('is a copy') },
    ]);

    await using _worker = await startEngine(original);
    await enqueue(original, '/original');
    await receiver.until((requests) => requests.length === 1);
    expect(receiver.requests.map(({ path }) => path)).toEqual(['/original']);
    const { rows } = await copy.pool.query(
      `select count(*)::integer as tried from posthorn.attempts`,
    );
    expect(rows).toEqual([{ tried: 0 }]);
    expect(await urlsIn(copy)).not.toContain(`${receiver.url}/alerts`);
  });

  it('drops what waits with one command, and what it gets from then on it sends when it is told to go on', async () => {
    await using posthorn = await startEngine(copy, { until: 'workerHeld' });
    // What the worker of the original had claimed is free for it.
    await eventually(async () => {
      const { rows } = await copy.pool.query('select from posthorn.workers where number = 77');
      return rows.length === 0;
    }, 'the rescue');
    expect((await posthornFor(copy, 'cancel', '--all')).stdout).toMatch(/^Cancelled 4\./);
    await enqueue(copy, '/new');
    const ready = new Promise((resolve) => posthorn.events.once('workerReady', resolve));
    expect((await posthornFor(copy, 'resume')).stdout).toMatch(/^Webhooks are sent .*is a copy/);
    await ready;
    await receiver.until((requests) => requests.length === 1);
    expect(receiver.requests.map(({ path }) => path)).toEqual(['/new']);
    await eventually(async () => {
      const { rows } = await copy.pool.query(
        `select from posthorn.queue union all select from posthorn.replays where status = 'running'`,
      );
      return rows.length === 0;
    }, 'the end of all work');
    // And so does its next worker.
    await posthorn.stop();
    await using _next = await startEngine(copy);
  });

  it('has a place of its own in a Redis', async () => {
    const log = createLog('silent');
    const identities = [
      await migrate({ databaseUrl: original.url, log }),
      await migrate({ databaseUrl: copy.url, log }),
      await migrate({ databaseUrl: copy.url, environment: 'staging', log }),
    ].map(({ identity }) => identity);
    expect(new Set(identities).size).toBe(3);
  });
});

describe('a database', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
    await (await startEngine(database)).stop();
  });

  afterAll(() => database.drop());

  beforeEach(async () => {
    await database.pool.query('delete from posthorn.identity');
    await database.pool.query(`select posthorn.check_in('')`);
  });

  it('that was moved to another server is held until somebody says that it was moved', async () => {
    await database.pool.query(
      'update posthorn.identity set system_identifier = system_identifier + 1',
    );
    expect(await heldIn(database, '')).toEqual(['copy']);
    await database.pool.query('select posthorn.resume()');
    expect(await heldIn(database, '')).toEqual([]);
  });

  it('whose server does not say who it is, is told by its oid', async () => {
    await database.pool.query('update posthorn.identity set system_identifier = null');
    expect(await heldIn(database, '')).toEqual([]);
    await database.pool.query('update posthorn.identity set database_oid = 1');
    expect(await heldIn(database, '')).toEqual(['copy']);
  });

  it('that is renamed is the same', async () => {
    const renamed = await copyDatabase(database);
    await renamed.pool.query('select posthorn.resume()');
    await renamed.pool.end();
    const name = new URL(renamed.url).pathname.slice(1);
    await database.pool.query(`alter database ${name} rename to ${name}_2`);
    await using _worker = await startEngine({ ...renamed, url: `${renamed.url}_2` });
    await database.pool.query(`drop database ${name}_2 with (force)`);
  });

  it('is recorded by the first of several workers, and none of them is held', async () => {
    await database.pool.query('delete from posthorn.identity');
    const asked = await Promise.all(
      Array.from({ length: 8 }, () => database.pool.query(`select posthorn.check_in('a')`)),
    );
    expect(asked.flatMap(({ rows }) => rows)).toEqual([]);
    expect(await heldIn(database, 'a')).toEqual([]);
  });

  it('that is held by request sends nothing on any worker, finishes what is under way, and goes on', async () => {
    const answers: (() => void)[] = [];
    receiver.answer((_request, response) => answers.push(() => response.end('ok')));
    await using posthorn = await startEngine(database);
    const isHeld = new Promise((resolve) => posthorn.events.once('workerHeld', resolve));
    await enqueue(database, '/under-way');
    await receiver.until((requests) => requests.length === 1);
    await database.pool.query(`select posthorn.hold('restored from a backup')`);
    await eventually(async () => {
      const { worker, hold } = await checksOf(posthorn);
      return worker === 'held' && hold === 'It is held by request: restored from a backup';
    }, 'the hold');
    for (const answer of answers) answer();
    await isHeld;
    receiver.answer((_request, response) => response.end('ok'));
    await enqueue(database, '/held');
    await using _second = await startEngine(database, { until: 'workerHeld' });
    const { rows } = await database.pool.query(
      `select status::text, count(*)::integer from posthorn.webhooks group by 1 order by 1`,
    );
    expect(rows).toEqual([
      { status: 'delivered', count: 1 },
      { status: 'pending', count: 1 },
    ]);
    const ready = new Promise((resolve) => posthorn.events.once('workerReady', resolve));
    await database.pool.query('select posthorn.resume()');
    await ready;
    await receiver.until((requests) => requests.length === 2);
  });

  it('that is a copy is emptied and resumed by the SQL of docs/copies.md', async () => {
    const page = readFileSync(new URL('../../docs/copies.md', import.meta.url), 'utf8');
    const [, script = ''] = /```sql\n(select posthorn\.cancel_many[\s\S]*?)```/.exec(page) ?? [];
    await database.pool.query('update posthorn.identity set database_oid = 1');
    await enqueue(database, '/never');
    await database.pool.query(
      `insert into posthorn.replays (statuses, from_at) values ('{failed}', now())`,
    );
    await database.pool.query(script);
    const { rows } = await database.pool.query(
      `select from posthorn.queue union all select from posthorn.replays where status = 'running'`,
    );
    expect([rows, await heldIn(database, '')]).toEqual([[], []]);
  });

  it('can be held before the first worker starts, as a server cloned from files must be', async () => {
    await database.pool.query('delete from posthorn.identity');
    await database.pool.query(`select posthorn.hold('a clone')`);
    await using _worker = await startEngine(database, { until: 'workerHeld' });
    expect(await heldIn(database, '')).toEqual(['request']);
    await database.pool.query('select posthorn.resume()');
  });
});

describe('the environment', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  it('of another name is held, and that whose database it is goes on', async () => {
    const inEnvironment = (name: string) => ({ env: { POSTHORN_ENVIRONMENT: name } });
    // A worker without a name began; one with a name gives it to the database.
    await (await startEngine(database)).stop();
    await using _production = await startEngine(database, inEnvironment('production'));
    await database.pool.query('update posthorn.alert_watch set evaluated_at = now()');
    await using staging = await startEngine(database, {
      ...inEnvironment('staging'),
      until: 'workerHeld',
    });
    await using _nameless = await startEngine(database, { until: 'workerHeld' });
    expect((await checksOf(staging)).hold).toBe(
      'This database belongs to the environment production, and POSTHORN_ENVIRONMENT is staging',
    );
    // What another environment finds is no alert of this database while its own workers evaluate.
    const { rows } = await database.pool.query('select rule from posthorn.alerts');
    expect(rows).toEqual([]);
    await enqueue(database, '/production');
    await receiver.until((requests) => requests.length === 1);

    const ready = new Promise((resolve) => staging.events.once('workerReady', resolve));
    expect((await finding(database, 'staging'))?.remedy).toContain(
      `select posthorn.resume(environment => 'staging');`,
    );
    await database.pool.query(`select posthorn.resume(environment => 'staging')`);
    await ready;
    expect(await heldIn(database, 'production')).toEqual(['environment']);
  });

  it('is not given to a copy before somebody has said that it is to send', async () => {
    await database.pool.query('delete from posthorn.identity');
    await database.pool.query(`select posthorn.check_in('')`);
    await database.pool.query('update posthorn.identity set database_oid = 1');
    await database.pool.query(`select posthorn.check_in('staging')`);
    const { rows } = await database.pool.query('select environment from posthorn.identity');
    expect(rows).toEqual([{ environment: null }]);
    expect(await heldIn(database, 'staging')).toEqual(['copy']);
  });
});

async function enqueue({ pool }: TestDatabase, path: string): Promise<void> {
  await pool.query(`insert into posthorn.outbox (url, body) values ($1, '{}')`, [
    `${receiver.url}${path}`,
  ]);
}

async function urlsIn({ pool }: TestDatabase): Promise<string[]> {
  const { rows } = await pool.query<{ url: string }>('select url from posthorn.outbox');
  return rows.map(({ url }) => url);
}

async function heldIn({ pool }: TestDatabase, environment: string): Promise<string[]> {
  const { rows } = await pool.query<{ kind: string }>('select kind from posthorn.held($1)', [
    environment,
  ]);
  return rows.map(({ kind }) => kind);
}

async function finding({ url }: TestDatabase, environment = '') {
  const findings = await examine({
    databaseUrl: url,
    isEmbedded: false,
    dataDir: '.',
    redisUrl: undefined,
    keyRing: undefined,
    environment,
  });
  return findings.find(({ check }) => check === 'hold');
}

function posthornFor({ url }: TestDatabase, ...args: string[]) {
  return runHere(args, { DATABASE_URL: url });
}

async function checksOf({ address }: { readonly address: string }) {
  const response = await fetch(`${address}/readyz`);
  const { checks } = (await response.json()) as { checks: { worker: string; hold?: string } };
  return checks;
}
