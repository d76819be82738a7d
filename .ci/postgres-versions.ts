import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../harness/free-port.ts';
import { chooseLauncher } from '../src/embedded/account.ts';
import { type Binaries, findBinaries } from '../src/embedded/binaries.ts';

/*
 * `npm run test:versions [-- VERSION …]`: the tests that depend on Postgres most, on each of the older versions that Posthorn
 * supports. The newest one is what `npm test` runs on.
 *
 * The servers come from npm (.ci/postgres); each runs in a directory that is thrown away.
 */

const run = promisify(execFile);
const versions = ['15', '16', '17'];
/** What lives in SQL: the road of a webhook, plans, functions, producers; on the oldest version also replays and partitions. */
const tests = ['test/sql', 'test/events', 'test/road', 'test/producers', 'test/new-rows'];
const testsOfOldest = [...tests, 'test/replays', 'test/maintenance'];
const root = fileURLToPath(new URL('..', import.meta.url));
const packages = fileURLToPath(new URL('postgres/package.json', import.meta.url));

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((version) => !versions.includes(version));
if (unknown.length > 0) {
  console.error(`Unknown version ${unknown.join(', ')}: there are ${versions.join(', ')}`);
  process.exit(2);
}
const failed: string[] = [];
for (const version of wanted.length > 0 ? wanted : versions) {
  console.log(`\nPostgres ${version}`);
  const server = await start(version);
  try {
    const env = { ...process.env, POSTHORN_TEST_DATABASE_URL: server.url };
    const vitest = spawn('vitest', ['run', ...(version === versions[0] ? testsOfOldest : tests)], {
      cwd: root,
      env,
      stdio: 'inherit',
    });
    const [code] = await once(vitest, 'exit');
    if (code !== 0) failed.push(version);
  } finally {
    await server.stop();
  }
}
if (failed.length > 0) {
  console.error(`The tests failed on Postgres ${failed.join(', ')}`);
  process.exitCode = 1;
}

async function start(version: string): Promise<Server> {
  const binaries = await findBinaries({ origin: packages, name: `postgres-${version}` });
  const directory = await mkdtemp(join(tmpdir(), `posthorn-postgres-${version}-`));
  const port = await freePort();
  const server = await boot({ binaries, directory, port });
  const exit = once(server, 'exit');
  const stop = async () => {
    // A fast shutdown: whoever is still connected is cut off.
    server.kill('SIGINT');
    await exit;
    await rm(directory, { recursive: true, force: true });
  };
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const ready = untilReady(url).then(() => true);
  if (await Promise.race([ready, exit.then(() => false)])) return { url, stop };
  await rm(directory, { recursive: true, force: true });
  throw new Error(`Postgres ${version} ended at its start`);
}

async function boot({
  binaries,
  directory,
  port,
}: {
  binaries: Binaries;
  directory: string;
  port: number;
}): Promise<ChildProcess> {
  const launcher = await chooseLauncher({ directory, postgres: binaries.postgres });
  const data = join(directory, 'data');
  const initdb = launcher.command(binaries.initdb, [
    `--pgdata=${data}`,
    '--username=postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ]);
  await run(initdb.program, initdb.args, initdb.options);
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    fsync: 'off',
    synchronous_commit: 'off',
    max_connections: '300',
    max_prepared_transactions: '10',
    log_min_messages: 'fatal',
  };
  const postgres = launcher.command(binaries.postgres, [
    '-D',
    data,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  return spawn(postgres.program, [...postgres.args], {
    ...postgres.options,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (tries > 300) throw error;
      await delay(100);
    }
  }
}
