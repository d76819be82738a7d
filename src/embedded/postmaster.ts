import { execFile, spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Launcher } from './account.ts';
import type { Binaries } from './binaries.ts';
import type { Site } from './cluster.ts';
import {
  commandLine,
  identify,
  isAlive,
  isZombie,
  type ProcessIdentity,
} from './process-identity.ts';

/** The server's first process: the parent of all others, and the one named in postmaster.pid. */
export interface Postmaster {
  readonly identity: ProcessIdentity;
  readonly port: number;
}

const maxLogBytes = 10_000_000;
const fastStopMs = 10_000;
const immediateStopMs = 10_000;

/**
 * Finds the running server of this cluster, whatever process started it; undefined: none runs.
 *
 * Postgres trusts any process that has the pid in postmaster.pid. Another program that has got the pid since, or a
 * killed server that no process reaps, would keep it from starting for ever, so in these cases this function removes
 * the file. If backends of the old server live on, Postgres still notices them by their shared memory, which it finds
 * without the file.
 */
export async function findPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const { postmaster, isStale } = await lookForPostmaster(cluster);
  if (isStale) await rm(join(cluster, 'postmaster.pid'), { force: true });
  return postmaster;
}

/**
 * The same without changing anything: it also returns whether the file names a process that is not a server of this
 * cluster.
 */
export async function lookForPostmaster(
  cluster: string,
): Promise<{ readonly postmaster: Postmaster | undefined; readonly isStale: boolean }> {
  const none = { postmaster: undefined, isStale: false };
  const content = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = content.split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!Number.isInteger(pid) || pid <= 0 || !Number.isInteger(port)) return none;
  if (await isZombie(pid)) return { ...none, isStale: true };
  const identity = await identify(pid);
  if (identity === undefined) return none;
  const command = await commandLine(pid);
  // If the process could not be checked, the file stays: without it, a live server would shut itself down.
  if (command === undefined) return none;
  if (servesCluster(command, cluster)) return { postmaster: { identity, port }, isStale: false };
  return { ...none, isStale: await isAlive(identity) };
}

/** A server that we started, and the offset at which its own lines begin in the log file. */
export interface Launched extends Postmaster {
  readonly logOffset: number;
}

/** Starts the server and returns once its process exists; it does not take connections yet. */
export async function launchPostmaster(options: {
  site: Site;
  launcher: Launcher;
  binaries: Binaries;
  port: number;
  settings: Readonly<Record<string, string>>;
}): Promise<Launched> {
  const command = options.launcher.command(options.binaries.postgres, serverArguments(options));
  const log = await openLog(options.site.logFile);
  try {
    const child = spawn(command.program, command.args, {
      ...command.options,
      // A separate session: Ctrl-C reaches only us, and we stop the server when our work has drained.
      detached: true,
      windowsHide: true,
      stdio: ['ignore', log.file.fd, log.file.fd],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    const pid = child.pid ?? 0;
    // Not found if the server has already ended; then its log says why.
    const identity = (await identify(pid)) ?? { pid, startedAt: 'gone' };
    return { identity, port: options.port, logOffset: log.offset };
  } finally {
    await log.file.close();
  }
}

/** A fast shutdown, and after 10 s an immediate one, from which the next start recovers. */
export async function stopPostmaster(
  { identity }: Postmaster,
  { site, binaries }: { site: Site; binaries: Binaries },
): Promise<void> {
  for (const { mode, signal, waitMs } of [
    { mode: 'fast', signal: 'SIGINT', waitMs: fastStopMs },
    { mode: 'immediate', signal: 'SIGQUIT', waitMs: immediateStopMs },
  ] as const) {
    if (!(await isAlive(identity))) return;
    if (process.platform === 'win32') {
      // Windows has no such signals. If this fails, the process stays, which is noticed.
      const args = ['stop', '-D', site.cluster, '-m', mode, '-W'];
      await promisify(execFile)(binaries.pg_ctl, args).catch(() => undefined);
    } else {
      sendSignal(identity.pid, signal);
    }
    if (await isGoneWithin(identity, waitMs)) return;
  }
  throw new Error(
    `Cannot stop the embedded Postgres because its process ignores SIGINT and SIGQUIT: ` +
      `pid ${identity.pid}`,
  );
}

/** The data directory comes first, because {@link servesCluster} looks for it there. */
function serverArguments(options: {
  site: Site;
  port: number;
  settings: Readonly<Record<string, string>>;
}): string[] {
  const settings = {
    port: String(options.port),
    listen_addresses: '127.0.0.1',
    // TCP with a password is enough; a socket would need a directory all accounts can write.
    unix_socket_directories: '',
    cluster_name: 'posthorn',
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', options.site.cluster, ...flags];
}

/** Both sides get a trailing space, so that /data/a is not found in /data/ab. */
function servesCluster(command: string, cluster: string): boolean {
  return /postgres(\.exe)? -D /.test(command) && `${command} `.includes(` -D ${cluster} `);
}

/**
 * Opens the log to append to it, and truncates it if it is large. It is private, because it quotes failed statements.
 */
async function openLog(path: string) {
  const file = await open(path, 'a', 0o600);
  if ((await file.stat()).size > maxLogBytes) await file.truncate(0);
  return { file, offset: (await file.stat()).size };
}

async function isGoneWithin(identity: ProcessIdentity, waitMs: number): Promise<boolean> {
  const deadline = Date.now() + waitMs;
  while (await isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ESRCH';
    if (!isGone) throw error;
  }
}
