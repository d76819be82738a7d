import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type PosthornProcess, runPosthorn, spawnPosthorn } from '../harness/process.ts';
import { startReceiver } from '../harness/receiver.ts';
import { version } from '../src/version.ts';
import { runHere } from './support/command-here.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { forFile } from './support/world.ts';

// The program as a user meets it: its commands, what it prints, how it ends.

const receiver = forFile(startReceiver);

describe('posthorn start without DATABASE_URL', () => {
  let dataDir: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'posthorn-cli-'));
  });

  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  it('runs everything, says where it is, delivers to loopback, and keeps its data', async () => {
    const env = { POSTHORN_DATA_DIR: dataDir, PORT: '0', POSTHORN_ALLOW_NETWORKS: '' };
    await using posthorn = spawnPosthorn('start', env);
    await posthorn.line(/Worker ready/);
    const address = await addressOf(posthorn);
    expect(posthorn.output.join('\n')).toMatch(/receivers .* 127\.0\.0\.0\/8/);
    expect(posthorn.output.join('\n')).toContain(`curl -X POST ${address}/webhooks/send`);
    expect(await readiness(address)).toEqual({
      status: 200,
      body: { ready: true, checks: { database: 'ok', worker: 'ok' } },
    });
    const id = await send(address, { url: `${receiver.url}/first`, body: { hello: 'world' } });
    expect(await finished(address, id)).toMatchObject({ status: 'delivered', attempt_count: 1 });
    expect(await posthorn.end('SIGINT')).toBe(0);

    await using again = spawnPosthorn('start', env);
    await again.line(/Worker ready/);
    expect(await finished(await addressOf(again), id)).toMatchObject({ status: 'delivered' });
    expect(await again.end('SIGTERM')).toBe(0);
  });
});

describe('a data directory that cannot be', () => {
  // At once, as each is a process of its own.
  it.concurrent.each([
    ['in a place where the system lets nobody make one', '/proc/x', 'ENOENT'],
    ['below such a place', '/proc/x/y/z', 'ENOENT'],
    ['that is a file', '/etc/passwd', 'EEXIST'],
    ['below a file', '/etc/passwd/x', 'ENOTDIR'],
  ])(
    '%s ends the start with exit code 2, the setting and its rule',
    async (_, POSTHORN_DATA_DIR, code) => {
      const { exitCode, stderr } = await runPosthorn(['start'], { POSTHORN_DATA_DIR, PORT: '0' });
      expect(stderr).toMatch(
        /^POSTHORN_DATA_DIR must be a directory that this user may create and write: "/m,
      );
      expect(stderr).toContain(`"${POSTHORN_DATA_DIR}" is not (${code}`);
      expect(exitCode).toBe(2);
    },
  );
});

describe('with DATABASE_URL', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  it('worker and api run apart, and each tells how it is', async () => {
    const env = { DATABASE_URL: database.url, PORT: '0', POSTHORN_HEALTH_PORT: '0' };
    await using api = spawnPosthorn('api', env);
    await using worker = spawnPosthorn('worker', env);
    await worker.line(/Worker ready/);
    const apiAddress = await addressOf(api);
    const workerAddress = await addressOf(worker);
    expect(await readiness(apiAddress)).toMatchObject({
      status: 200,
      body: { checks: { worker: 'not here' } },
    });
    expect(await readiness(workerAddress)).toMatchObject({
      status: 200,
      body: { checks: { worker: 'ok' } },
    });
    expect((await fetch(`${workerAddress}/healthz`)).status).toBe(200);
    expect((await fetch(`${workerAddress}/webhooks`)).status).toBe(404);
    const id = await send(apiAddress, { url: `${receiver.url}/apart`, body: 'text' });
    expect(await finished(apiAddress, id)).toMatchObject({ status: 'delivered' });
    expect(await worker.end('SIGTERM')).toBe(0);
    expect(await api.end('SIGTERM')).toBe(0);
  });

  it.each([
    ['is not set', {}],
    ['is not there', { REDIS_URL: 'redis://127.0.0.1:1' }],
  ])('says that it has stopped when it has, also when Redis %s', async (_, redis) => {
    const env = { DATABASE_URL: database.url, PORT: '0', POSTHORN_LOG_LEVEL: 'info', ...redis };
    await using posthorn = spawnPosthorn('start', env);
    await posthorn.line(/Worker ready/);
    await send(await addressOf(posthorn), { url: `${receiver.url}/last`, body: 'text' });
    if ('REDIS_URL' in redis) await posthorn.line(/Redis does not answer/);
    expect(await posthorn.end('SIGTERM')).toBe(0);
    const endedAtMs = Date.now();
    const { time } = z
      .object({ time: z.string() })
      .parse(JSON.parse(await posthorn.line(/"Stopped"/)));
    const { time: toldAt } = z
      .object({ time: z.string() })
      .parse(JSON.parse(await posthorn.line(/"Stopping/)));
    expect(endedAtMs - Date.parse(time)).toBeLessThan(5_000);
    expect(Date.parse(time) - Date.parse(toldAt)).toBeLessThan(5_000);
  });

  it('several migrate at once', async () => {
    await database.pool.query(
      'drop schema posthorn cascade; drop schema posthorn_graphile cascade',
    );
    const runs = await Promise.all(
      [1, 2, 3].map(() => runPosthorn(['migrate'], { DATABASE_URL: database.url })),
    );
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    const printed = runs.map(({ stdout }) => stdout.trim()).sort();
    expect(printed[0]).toMatch(/^Applied 0001_webhooks, /);
    expect(printed.slice(1)).toEqual(Array(2).fill('The schema is up to date.'));
  });

  it('a port that is taken is an error, and nothing stays behind', async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const { exitCode, stderr } = await runPosthorn(['start'], {
      DATABASE_URL: database.url,
      PORT: String(port),
    });
    taken.close();
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Cannot listen on .+: HOST and PORT must be .* a free port/);
    expect(stderr).toContain(`127.0.0.1:${port}`);
  });
});

describe('the command line', () => {
  it('explains itself', async () => {
    expect(await runPosthorn(['--help'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('posthorn start'),
    });
    expect(await runHere(['--version'])).toMatchObject({ exitCode: 0, stdout: `${version}\n` });
  });

  it.each([
    [['dance'], {}, 'Unknown command "dance"', runPosthorn],
    [['start', '--loud'], {}, 'Unknown option --loud of "start"', runHere],
    [['start'], { PORT: 'http' }, 'PORT must be a whole number from 0 to 65535', runHere],
  ])('refuses %j with %j', async (args, env, message, run) => {
    const { exitCode, stderr } = await run(args, env);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });

  it('warns of a setting that nobody reads, and names the one that was meant', async () => {
    const env = { DATABASE_URL: 'postgres://u@127.0.0.1:1/d', POSTHORN_TIMOUT: '5s' };
    const { stdout } = await runPosthorn(['start'], env);
    const lines = stdout.split('\n').filter((line) => line.includes('POSTHORN_TIMOUT'));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      {
        level: 40,
        setting: 'POSTHORN_TIMOUT',
        nearest: 'POSTHORN_TIMEOUT',
        msg: 'POSTHORN_TIMOUT is not a setting of Posthorn and has no effect: did you mean POSTHORN_TIMEOUT?',
      },
    ]);
  });

  it('says what is wrong with a database that cannot be reached, without its password', async () => {
    const { exitCode, stderr } = await runPosthorn(['migrate'], {
      DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/d',
    });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^The database of DATABASE_URL cannot be reached: .*ECONNREFUSED/);
    expect(stderr).not.toContain('hunter2');
  });
});

async function addressOf(process: PosthornProcess): Promise<string> {
  const line = await process.line(/^ {2}(API|health) /);
  return /http:\S+/.exec(line)?.[0] ?? '';
}

async function readiness(address: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${address}/readyz`);
  return { status: response.status, body: await response.json() };
}

async function send(address: string, webhook: Record<string, unknown>): Promise<string> {
  const response = await fetch(`${address}/webhooks/send`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(webhook),
  });
  expect(response.status).toBe(202);
  const { id } = (await response.json()) as { id: string };
  return id;
}

async function finished(address: string, id: string): Promise<Record<string, unknown>> {
  return eventually(async () => {
    const response = await fetch(`${address}/webhooks/${id}`);
    const webhook = (await response.json()) as Record<string, unknown>;
    return webhook['finished_at'] !== null && webhook;
  }, `webhook ${id} has ended`);
}
