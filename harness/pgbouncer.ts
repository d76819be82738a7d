import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programsEnv } from './can-run.ts';
import { freePort } from './free-port.ts';

/** A real PgBouncer in front of a Postgres. */
export interface PgBouncer extends AsyncDisposable {
  /** The same role and database by way of the pooler. */
  urlFor(databaseUrl: string): string;
}

export type PoolMode = 'session' | 'transaction' | 'statement';

/**
 * Starts a PgBouncer with Debian's defaults but for what is given; `size` is the number of sessions per role and database.
 *
 * @param options.urls who may log in: the roles and passwords of these.
 */
export async function startPgBouncer(options: {
  readonly mode: PoolMode;
  readonly urls: readonly string[];
  readonly size?: number;
}): Promise<PgBouncer> {
  const { mode, size = 4 } = options;
  const urls = options.urls.map((url) => new URL(url));
  const [server] = urls;
  if (server === undefined) throw new Error('Cannot start PgBouncer as nobody may log in');
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-pgbouncer-'));
  const port = await freePort();
  const users = join(directory, 'users.txt');
  const settings = join(directory, 'pgbouncer.ini');
  // In plain text, as it has to log in at Postgres by SCRAM.
  const logins = urls.map((url) => `"${url.username}" "${decodeURIComponent(url.password)}"`);
  await writeFile(users, `${[...new Set(logins)].join('\n')}\n`);
  await writeFile(
    settings,
    [
      '[databases]',
      `* = host=${server.hostname} port=${server.port}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = scram-sha-256',
      `auth_file = ${users}`,
      `pool_mode = ${mode}`,
      `default_pool_size = ${size}`,
      '',
    ].join('\n'),
  );
  // It refuses to run as root, and whom it becomes must be able to read these.
  for (const path of [directory, users, settings]) await chmod(path, 0o755);
  const asNobody = process.getuid?.() === 0 ? ['--user', 'nobody'] : [];
  const child = spawn('pgbouncer', [...asNobody, settings], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: programsEnv,
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += String(chunk);
      if (said.includes('process up')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`pgbouncer did not start: ${said}`)));
  });
  return {
    urlFor: (databaseUrl) => {
      const url = new URL(databaseUrl);
      url.port = String(port);
      return url.href;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}
