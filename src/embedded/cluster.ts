import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { chooseLauncher, type Launcher } from './account.ts';
import type { Binaries } from './binaries.ts';

const run = promisify(execFile);

/**
 * The superuser. It is not named posthorn: the search path of a role begins with the schema of its name, so applications
 * would make their tables among Posthorn's, and migration tools would propose to drop Posthorn's.
 */
export const superuser = 'postgres';

/** The paths below the data directory, absolute. */
export interface Site {
  readonly dataDir: string;
  /** Postgres's own data directory. */
  readonly cluster: string;
  /** The password, in libpq's format, so that psql reads it too. */
  readonly passfile: string;
  readonly urlFile: string;
  readonly logFile: string;
  readonly stateFile: string;
  readonly lockFile: string;
}

/**
 * Written to postgresql.conf by initdb, not passed at the start, so that a user may change them there or with ALTER
 * SYSTEM. initdb would lower the first two if memory is tight; vacuum comes often because the queue table turns over
 * all the time. wal_compression stays off: these programs are built without lz4, and pglz costs more CPU than the saved
 * WAL is worth on one machine.
 */
const defaults = {
  max_connections: '100',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  autovacuum_naptime: '15s',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  // Failed statements are not logged, because they may contain a secret and a body.
  log_min_error_statement: 'panic',
  // The context is not logged, because for a COPY it is the line.
  log_error_verbosity: 'terse',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

const unfinished = 'postgres.init-';

/** Creates the cluster unless there is one, and returns how to run programs on it. */
export async function prepareCluster(
  site: Site,
  { binaries, sync }: { binaries: Binaries; sync: boolean },
): Promise<Launcher> {
  const { cluster } = site;
  if (existsSync(join(cluster, 'PG_VERSION'))) {
    return chooseLauncher({ directory: cluster, postgres: binaries.postgres });
  }
  await removeUnfinished(dirname(cluster));
  const directory = await mkdtemp(join(dirname(cluster), unfinished));
  try {
    const launcher = await chooseLauncher({ directory, postgres: binaries.postgres });
    await initialise({ directory, launcher, site, initdb: binaries.initdb, sync });
    // Renamed last, so that a kill at any moment leaves either no cluster or a complete one.
    await rename(join(directory, 'data'), cluster);
    return launcher;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Reads the superuser's password; the first time, makes it and stores it where only we can read it. */
export async function readPassword(site: Site): Promise<string> {
  const line = await readFile(site.passfile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (line === undefined) return createPassword(site);
  const { mode } = await stat(site.passfile);
  const [user, password = ''] = line.trim().split(':').slice(-2);
  if (user === 'posthorn') {
    throw new Error(
      `Cannot start the embedded Postgres: ${site.cluster} was made by a version before the first release, ` +
        `whose superuser was posthorn instead of ${superuser}; delete it and ${site.passfile}, ` +
        'or choose another POSTHORN_DATA_DIR',
    );
  }
  if (!/^[0-9a-f]{64}$/.test(password) || (process.platform !== 'win32' && mode & 0o077)) {
    throw new Error(
      `Cannot start the embedded Postgres: its password file must hold one line and be private ` +
        `(0600), but ${site.passfile} has mode ${(mode & 0o777).toString(8)}`,
    );
  }
  return password;
}

async function createPassword(site: Site): Promise<string> {
  if (existsSync(join(site.cluster, 'PG_VERSION'))) {
    throw new Error(
      `Cannot start the embedded Postgres: its password file ` +
        `${site.passfile} is missing; restore it, or delete ${site.cluster} with ` +
        'all data in it',
    );
  }
  const password = randomBytes(32).toString('hex');
  const draft = `${site.passfile}.new`;
  await rm(draft, { force: true });
  await writeFile(draft, `*:*:*:${superuser}:${password}\n`, { mode: 0o600, flag: 'wx' });
  await rename(draft, site.passfile);
  return password;
}

async function initialise(options: {
  directory: string;
  launcher: Launcher;
  site: Site;
  initdb: string;
  sync: boolean;
}): Promise<void> {
  const { directory, launcher } = options;
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, await readPassword(options.site), { mode: 0o600 });
  if (launcher.account) await chown(passwordFile, launcher.account.uid, launcher.account.gid);
  const {
    program,
    args,
    options: spawn,
  } = launcher.command(options.initdb, [
    `--pgdata=${join(directory, 'data')}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    // Built into Postgres: the same order and case rules on every machine, whatever locales it has.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    ...(options.sync ? [] : ['--no-sync']),
    ...Object.entries(defaults).map(([name, value]) => `--set=${name}=${value}`),
  ]);
  await run(program, args, spawn).catch((error: { stderr?: string; message: string }) => {
    throw new Error(
      `Cannot create the embedded Postgres because initdb failed: ${error.stderr || error.message}`,
    );
  });
}

async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(unfinished)) continue;
    await rm(join(directory, name), { recursive: true, force: true, maxRetries: 5 });
  }
}
