import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import type { Binaries } from './binaries.ts';
import { prepareCluster, readPassword, type Site } from './cluster.ts';
import { withLock } from './lock.ts';
import { choosePort } from './port.ts';
import {
  findPostmaster,
  type Launched,
  launchPostmaster,
  type Postmaster,
  stopPostmaster,
} from './postmaster.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { untilReady } from './readiness.ts';
import { readState, type State, writeState } from './state.ts';

/** A user of an embedded Postgres. There may be several, in one process or in many; one of them owns the server. */
export interface User {
  readonly site: Site;
  readonly binaries: Binaries;
  readonly settings: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly handle: string;
  readonly signal: AbortSignal;
}

/** The server in use, and whether this user must stop it. */
export interface Standing {
  readonly postmaster: Postmaster;
  readonly owner: ProcessIdentity;
  readonly isOwner: boolean;
}

type Owner = NonNullable<State['owner']>;

/** Backends that survive a killed postmaster end within seconds; until then no new one may start. */
const lingeringMs = 20_000;

/**
 * Makes sure that the server runs: joins a running one, adopts one whose owner died, or starts it.
 *
 * A crash at any step leaves, at worst, a server without a live owner, which the next call adopts.
 *
 * @param port the only acceptable port, if URLs with it have been handed out.
 * @returns undefined when the server is down but its owner is alive and will start it.
 */
export function ensureServer(user: User, port?: number): Promise<Standing | undefined> {
  return withLock({ path: user.site.lockFile, signal: user.signal }, async () => {
    const state = await readState(user.site.stateFile);
    const owner = await liveOwner(state);
    const running = await findPostmaster(user.site.cluster);
    if (running !== undefined) return join(user, { running, owner, port });
    if (owner !== undefined && owner.handle !== user.handle) return undefined;
    const postmaster = await start(user, { preferred: state.port, required: port });
    return own(user, postmaster);
  });
}

/** Leaves the server; its owner also stops it. */
export async function leaveServer(user: User, { postmaster, isOwner }: Standing): Promise<void> {
  if (!existsSync(user.site.dataDir)) {
    // The directory was deleted in the meantime, with the lock in it; that must not keep the process alive.
    if (isOwner) await stopPostmaster(postmaster, user);
    return;
  }
  // A new signal, because the user's is aborted by now.
  const { signal } = new AbortController();
  await withLock({ path: user.site.lockFile, signal }, async () => {
    const state = await readState(user.site.stateFile);
    if (state.owner?.handle !== user.handle) return;
    const running = (await findPostmaster(user.site.cluster)) ?? postmaster;
    await stopPostmaster(running, user);
    await writeState(user.site.stateFile, { ...state, owner: null });
    user.log.info({ pid: running.identity.pid }, 'embedded Postgres stopped');
  });
}

async function liveOwner({ owner }: State): Promise<Owner | undefined> {
  return owner !== null && (await isAlive(owner)) ? owner : undefined;
}

async function join(
  user: User,
  found: { running: Postmaster; owner: Owner | undefined; port: number | undefined },
): Promise<Standing> {
  const { running: postmaster, owner, port } = found;
  if (port !== undefined && port !== postmaster.port) {
    throw new Error(
      `The embedded Postgres must stay on port ${port}, but it now listens on ` +
        `${postmaster.port}; restart this process`,
    );
  }
  const { cluster } = user.site;
  const password = await readPassword(user.site);
  await untilReady({ postmaster, password, cluster, signal: user.signal });
  const { pid } = postmaster.identity;
  if (owner) {
    const isOwner = owner.handle === user.handle;
    user.log.info({ pid, port: postmaster.port, owner: owner.pid }, 'embedded Postgres joined');
    return { postmaster, owner, isOwner };
  }
  user.log.info({ pid, port: postmaster.port }, 'embedded Postgres adopted: its owner is gone');
  return own(user, postmaster);
}

async function own(user: User, postmaster: Postmaster): Promise<Standing> {
  const self = await identify(process.pid);
  if (self === undefined) throw new Error('This process is missing in the process table');
  const owner = { ...self, handle: user.handle };
  await writeState(user.site.stateFile, { port: postmaster.port, owner });
  return { postmaster, owner, isOwner: true };
}

async function start(
  user: User,
  ports: { preferred: number; required: number | undefined },
): Promise<Postmaster> {
  const { site, binaries, settings, log } = user;
  const sync = settings['fsync'] !== 'off';
  const launcher = await prepareCluster(site, { binaries, sync });
  const password = await readPassword(site);
  const deadline = Date.now() + lingeringMs;
  for (let delayMs = 100; ; delayMs = Math.min(2 * delayMs, 2000)) {
    const port = ports.required ?? (await choosePort(ports.preferred));
    const launched = await launchPostmaster({ site, launcher, binaries, port, settings });
    try {
      await untilReady({ ...user, postmaster: launched, password, cluster: site.cluster });
      log.info({ pid: launched.identity.pid, port }, 'embedded Postgres started');
      return launched;
    } catch (error) {
      await stopPostmaster(launched, user);
      const lines = await logSince(site, launched);
      if (!isPassing(lines) || Date.now() > deadline) throw withLog(error, { lines, site });
    }
    await sleep(delayMs, undefined, { signal: user.signal });
  }
}

async function logSince({ logFile }: Site, { logOffset }: Launched): Promise<string> {
  const file = await open(logFile);
  try {
    const { size } = await file.stat();
    const length = Math.min(size - logOffset, 8000);
    const { buffer } = await file.read({ buffer: Buffer.alloc(length), position: size - length });
    return buffer.toString();
  } finally {
    await file.close();
  }
}

/**
 * Whether the fault will pass: the port was taken between our check and the server's, or a killed server has left
 * remains.
 */
function isPassing(lines: string): boolean {
  return /could not create any TCP\/IP sockets|shared memory block|lock file ".*" already exists/.test(
    lines,
  );
}

function withLog(error: unknown, { lines, site }: { lines: string; site: Site }): Error {
  const tail = lines.trim().split('\n').slice(-15).join('\n');
  const { message } = error instanceof Error ? error : { message: String(error) };
  return new Error(`${message}; the end of ${site.logFile}:\n${tail}`, { cause: error });
}
