import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDatabase } from '../../src/queries/check-database.ts';
import { createQueryPool } from '../../src/queries/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, serveTestApi } from './served-api.ts';

const webhook = { url: 'https://example.com/hooks', body: 1 };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await database.drop();
});

/** A way to the database that can be closed and stopped. */
async function openRoad(): Promise<AsyncDisposable & { url: string; cut(): void; freeze(): void }> {
  const target = new URL(database.url);
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = dial(Number(target.port), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = new URL(database.url);
  url.hostname = '127.0.0.1';
  url.port = String(typeof address === 'object' ? address?.port : '');
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    cut,
    freeze: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    [Symbol.asyncDispose]: async () => cut(),
  };
}

function expectProblem(answer: Answer, expected: { status: number; code: string }): void {
  expect(answer.json).toMatchObject(expected);
  expect(answer.status).toBe(expected.status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.headers.get('retry-after')).toBe(expected.status === 503 ? '5' : null);
  // Nothing of what is inside.
  expect(answer.text).not.toMatch(/ECONN|127\.0\.0\.1|select|slonik|at .+:\d+/);
}

describe('when Postgres is away', () => {
  it('answers 503 with Retry-After, lives on, and logs why', async () => {
    await using road = await openRoad();
    await using api = await serveTestApi(road.url);
    expect((await api.send(webhook)).status).toBe(202);
    road.cut();
    for (const ask of [
      api.send(webhook),
      api.ask('/webhooks'),
      api.send({ ...webhook, idempotency_key: 'a' }),
    ]) {
      expectProblem(await ask, { status: 503, code: 'database_unavailable' });
    }
    expect((await api.ask('/healthz')).status).toBe(200);
    expect(await checkDatabase(api.pool)).toBe('unreachable');
    expect(api.logged).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'A request could not be answered' }),
    );
  });

  it('goes on by itself when Postgres closed its connections', async () => {
    await using api = await serveTestApi(database.url);
    await Promise.all(Array.from({ length: 10 }, () => api.ask('/webhooks')));
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'posthorn api'`,
    );
    await eventually(async () => (await api.ask('/webhooks')).status === 200, 'an answer');
    expect(await checkDatabase(api.pool)).toBe('ok');
  });

  it('answers 503 when its connection is closed in the middle of a statement', async () => {
    await using api = await serveTestApi(database.url);
    const blocker = await database.pool.connect();
    await blocker.query('begin; lock table posthorn.outbox in access exclusive mode');
    const waiting = api.ask('/webhooks');
    await signalWaiting('pg_terminate_backend');
    expectProblem(await waiting, { status: 503, code: 'database_unavailable' });
    await blocker.query('rollback');
    blocker.release();
  });

  it('says within 2 s that a database that does not answer is unreachable', async () => {
    await using road = await openRoad();
    const pool = await createQueryPool({ databaseUrl: road.url, maximumPoolSize: 1 });
    expect(await checkDatabase(pool)).toBe('ok');
    road.freeze();
    const start = performance.now();
    expect(await checkDatabase(pool)).toBe('unreachable');
    expect(performance.now() - start).toBeLessThan(15_000);
    road.cut();
    await pool.end();
  });

  it('rejects a pool for a database that is not there', async () => {
    const databaseUrl = 'postgres://nobody@127.0.0.1:1/none';
    await expect(createQueryPool({ databaseUrl, maximumPoolSize: 1 })).rejects.toThrow();
  });
});

describe('when Postgres is busy', () => {
  it('answers 504 when a statement was cancelled for its time', async () => {
    await using api = await serveTestApi(database.url);
    const blocker = await database.pool.connect();
    await blocker.query('begin; lock table posthorn.outbox in access exclusive mode');
    const waiting = api.send(webhook);
    await signalWaiting('pg_cancel_backend');
    expectProblem(await waiting, { status: 504, code: 'timeout' });
    await blocker.query('rollback');
    blocker.release();
  });

  it('answers 503 when too many wait for a connection already, and all others in the end', async () => {
    await using api = await serveTestApi(database.url, { maximumPoolSize: 1 });
    const blocker = await database.pool.connect();
    await blocker.query('begin; lock table posthorn.outbox in access exclusive mode');
    // One has the connection, 20 may wait for it.
    const asked = Array.from({ length: 40 }, () => api.ask('/webhooks'));
    await eventually(async () => api.pool.state().waitingClients === 20, 'a full queue');
    await blocker.query('rollback');
    blocker.release();
    const answers = await Promise.all(asked);
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect(count(200)).toBeGreaterThanOrEqual(21);
    expect(count(200) + count(503)).toBe(40);
    expect(count(503)).toBeGreaterThan(0);
  });

  it.each(['40001', '40P01'])(
    'tries again after %s, and answers 503 if it stays',
    async (state) => {
      await using api = await serveTestApi(database.url);
      await database.pool.query(`
      create sequence public.tries;
      create function fail_first() returns trigger language plpgsql as $$
        begin
          if nextval('public.tries') <= 2 then
            raise exception 'again' using errcode = '${state}';
          end if;
          return new;
        end $$;
      create trigger fail_first before insert on posthorn.outbox for each row execute function fail_first()`);
      const key = `tries ${state}`;
      expect((await api.send({ ...webhook, idempotency_key: key })).status).toBe(202);
      await database.pool.query('alter sequence tries restart');
      expect((await api.send(webhook)).status).toBe(202);
      await database.pool.query('alter sequence tries minvalue -1000 restart -1000');
      expectProblem(await api.send(webhook), { status: 503, code: 'database_unavailable' });
      await database.pool.query(
        'drop trigger fail_first on posthorn.outbox; drop function fail_first; drop sequence tries',
      );
    },
  );
});

it('answers 500 without a word of why, which is in the log with the request id', async () => {
  await using own = await createTestDatabase();
  await using api = await serveTestApi(own.url);
  await own.pool.query('drop view posthorn.webhooks cascade');
  const answer = await api.ask('/webhooks/00000000-0000-7000-8000-000000000000');
  expectProblem(answer, { status: 500, code: 'internal_error' });
  expect(answer.text).not.toContain('posthorn.webhooks');
  expect(api.logged).toMatchObject([
    {
      level: 'error',
      fields: {
        requestId: answer.headers.get('x-request-id'),
        message: 'relation "posthorn.webhooks" does not exist',
        code: '42P01',
      },
    },
  ]);
  await own.pool.query('drop schema posthorn cascade');
  expect(await checkDatabase(api.pool)).toBe('not migrated');
});

/** To the one backend of the API that waits for a lock. */
async function signalWaiting(signal: 'pg_cancel_backend' | 'pg_terminate_backend'): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query(
      `select ${signal}(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'posthorn api' and wait_event_type = 'Lock'`,
    );
    return rows.length > 0;
  }, 'a statement that waits');
}
