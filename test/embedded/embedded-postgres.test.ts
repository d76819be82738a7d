import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, test } from 'vitest';
import { canRunPsql } from '../../harness/can-run.ts';
import { startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { commandLine, isZombie } from '../../src/embedded/process-identity.ts';
import { copyCluster } from '../support/cluster.ts';
import { answers, DataDirectory, isRunning, query } from '../support/embedded-postgres.ts';
import { eventually } from '../support/eventually.ts';

const directory = DataDirectory.forEachTest();

const hasPsql = canRunPsql('the command line for psql');

test('what was written is there after a stop and another start, on the same port', async () => {
  const first = await directory.start();
  await query(first.url, 'create table kept as select 7 as seven');
  await first.stop();
  await expect(query(first.url, 'select 1')).rejects.toThrow('ECONNREFUSED');

  const second = await directory.start();
  expect(await query(second.url, 'select seven from kept')).toEqual([{ seven: 7 }]);
  expect(second.url).toBe(first.url);
});

test('the database is UTF8 and orders text the same on every machine', async () => {
  const { url } = await directory.start();
  expect(
    await query(
      url,
      `select pg_encoding_to_char(encoding) as encoding, datlocale as locale, 'é' < 'f' as by_locale
       from pg_database where datname = current_database()`,
    ),
  ).toEqual([{ encoding: 'UTF8', locale: 'C.UTF-8', by_locale: false }]);
});

test('what an application makes without a schema lands in public, even by a login named posthorn', async () => {
  const { url } = await directory.start();
  await query(
    url,
    `create schema posthorn; create role posthorn login superuser password 'secret'`,
  );
  const other = new URL(url);
  other.username = 'posthorn';
  other.password = 'secret';
  for (const each of [url, other.href]) {
    expect(await query(each, 'select current_schema() as schema')).toEqual([{ schema: 'public' }]);
  }
});

test('a database of which only the draft was made is made again', async () => {
  const first = await directory.start();
  const admin = new URL(first.url);
  admin.pathname = '/postgres';
  await query(admin.href, 'alter database posthorn rename to posthorn_new');
  await first.stop();
  const { url } = await directory.start();
  expect(await query(url, 'select current_schema() as schema')).toEqual([{ schema: 'public' }]);
});

test('a cluster of before the first release, whose superuser was posthorn, is refused with what to do', async () => {
  const passfile = join(directory.path, 'pgpass');
  const line = await readFile(passfile, 'utf8');
  await writeFile(passfile, line.replace('*:postgres:', '*:posthorn:'));
  try {
    await expect(directory.start()).rejects.toThrow(
      /made by a version before the first release, whose superuser was posthorn instead of postgres; delete it and .*pgpass, or choose another POSTHORN_DATA_DIR$/,
    );
  } finally {
    await writeFile(passfile, line);
  }
});

test('a server killed under us comes back on the same port with all that was committed', async () => {
  const server = await directory.start();
  await query(server.url, 'create table kept as select 7 as seven');
  const killed = await directory.killPostmaster();
  await eventually(
    async () => (await directory.postmasterPid()) !== killed && (await answers(server.url)),
    'killed server is back',
  );
  expect(await query(server.url, 'select seven from kept')).toEqual([{ seven: 7 }]);
  expect(directory.messages).toContain('embedded Postgres died; starting it again');
});

test('a start beside a backend of a killed server waits until it is gone', async () => {
  const killed = await directory.start();
  const client = new pg.Client({ connectionString: killed.url });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query('select pg_backend_pid() as pid');
  const backend: number = rows[0].pid;
  process.kill(backend, 'SIGSTOP');
  await directory.killPostmaster();
  await killed.stop();
  const starting = directory.start();
  try {
    await eventually(
      async () => (await directory.serverLog()).includes('shared memory block'),
      'server refuses to start beside the backend',
    );
  } finally {
    process.kill(backend, 'SIGCONT');
  }
  expect(await answers((await starting).url)).toBe(true);
  await client.end().catch(() => undefined);
});

test('a server that is stopped on purpose stays down', async () => {
  const server = await directory.start();
  const pid = await directory.postmasterPid();
  await Promise.all([server.stop(), server.stop()]);
  expect(await isRunning(pid)).toBe(false);
  expect(directory.messages).not.toContain('embedded Postgres died; starting it again');
});

test('a stop during the restart of a killed server leaves none running', async () => {
  const server = await directory.start();
  await directory.killPostmaster();
  await eventually(
    async () => directory.messages.includes('embedded Postgres died; starting it again'),
    'death is noticed',
  );
  await server.stop();
  expect(await isRunning(await directory.postmasterPid())).toBe(false);
  expect(await answers(server.url)).toBe(false);
});

test('a postmaster.pid whose pid now belongs to another program does not keep it down', async () => {
  await (await directory.start()).stop();
  const stranger = spawn('sleep', ['60'], await serverAccount());
  try {
    await leavePidFile(stranger.pid);
    expect(await answers((await directory.start()).url)).toBe(true);
    expect(await isRunning(stranger.pid)).toBe(true);
  } finally {
    stranger.kill('SIGKILL');
  }
});

test('a postmaster.pid of a killed server that nobody reaps does not keep it down', async () => {
  await (await directory.start()).stop();
  // The shell's child is inherited by a sleep, which never asks how it ended.
  const script = 'sleep 61 & echo $!; exec sleep 62';
  const parent = spawn('sh', ['-c', script], await serverAccount());
  try {
    const [output] = await once(parent.stdout, 'data');
    const pid = Number(String(output));
    await eventually(
      async () => (await commandLine(parent.pid ?? 0)) === 'sleep 62',
      'shell is out of the way',
    );
    process.kill(pid, 'SIGKILL');
    await eventually(() => isZombie(pid), 'process is a zombie');
    await leavePidFile(pid);
    expect(await answers((await directory.start()).url)).toBe(true);
  } finally {
    parent.kill('SIGKILL');
  }
});

test('another port is taken, and kept, when the last one is in use', async () => {
  const first = await directory.start();
  await first.stop();
  const squatter = createServer().listen(first.port, '127.0.0.1');
  await once(squatter, 'listening');
  const second = await directory.start();
  squatter.close();
  expect(second.port).not.toBe(first.port);
  expect(await answers(second.url)).toBe(true);
  await second.stop();
  expect((await directory.start()).port).toBe(second.port);
});

test('two directories have a server each, even when both want one port at once', async () => {
  const other = join(directory.path, 'other');
  await mkdir(other);
  await copyCluster(other);
  await copyFile(join(directory.path, 'postgres.json'), join(other, 'postgres.json'));
  const [one, two] = await Promise.all([directory.start(), directory.start(other)]);
  expect(one.port).not.toBe(two.port);
  expect(await answers(one.url)).toBe(true);
  expect(await answers(two.url)).toBe(true);
});

test('a lock and an unfinished cluster left by a killed process are cleared away', async () => {
  await directory.empty();
  await writeFile(join(directory.path, 'postgres.lock'), '{"pid":999999999,"startedAt":"never"}');
  await writeFile(join(directory.path, 'postgres.init-killed'), '');
  const server = await directory.start();
  expect(await answers(server.url)).toBe(true);
  expect((await readdir(directory.path)).sort()).toEqual([
    'database-url',
    'pgpass',
    'postgres',
    'postgres.json',
    'postgres.log',
  ]);
});

test.skipIf(!hasPsql)('the psql command line works, and holds no password', async () => {
  const server = await directory.start();
  const password = new URL(server.url).password;
  expect(server.psql).not.toContain(password);
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    `${server.psql} --no-password -At -c 'select current_user, current_database()'`,
  ]);
  expect(stdout.trim()).toBe('postgres|posthorn');
});

test('the password is asked for, and only in files that nobody else may read', async () => {
  const server = await directory.start();
  const url = new URL(server.url);
  const { password } = url;
  url.password = 'guess';
  await expect(query(url.href, 'select 1')).rejects.toThrow('password authentication failed');

  const entries = await readdir(directory.path, { recursive: true, withFileTypes: true });
  const holders: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path, 'latin1').catch(() => '');
    if (!content.includes(password)) continue;
    holders.push(entry.name);
    expect((await stat(path)).mode & 0o077).toBe(0);
  }
  expect(holders.sort()).toEqual(['database-url', 'pgpass']);
  expect(await readFile(server.urlFile, 'utf8')).toBe(`${server.url}\n`);
  expect((await stat(join(directory.path, 'postgres'))).mode & 0o077).toBe(0);
});

test('a large server log is cut at the start', async () => {
  await writeFile(join(directory.path, 'postgres.log'), Buffer.alloc(10_000_001, 'x'));
  await directory.start();
  expect(await directory.serverLog()).toMatch(/^\d{4}-/);
});

test('a server that cannot start says why, in the words of its log', async () => {
  const attempt = startEmbeddedPostgres({
    dataDir: directory.path,
    log: directory.log,
    settings: { shared_buffers: 'plenty' },
  });
  await expect(attempt).rejects.toThrow(/invalid value for parameter "shared_buffers": "plenty"/);
});

/** Postgres takes only a process of its own account for a server, and never its parent. */
async function serverAccount(): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await stat(join(directory.path, 'postgres'));
  return { uid, gid };
}

async function leavePidFile(pid: number | undefined): Promise<void> {
  const cluster = join(directory.path, 'postgres');
  const lines = [pid, cluster, 1, 54_329, '', '127.0.0.1', '', 'ready', ''];
  await writeFile(join(cluster, 'postmaster.pid'), lines.join('\n'));
}
