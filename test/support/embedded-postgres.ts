import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterEach, beforeEach, inject } from 'vitest';
import { z } from 'zod';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/embedded/embedded-postgres.ts';
import { identify } from '../../src/embedded/process-identity.ts';
import type { Log } from '../../src/log.ts';
import { copyCluster } from './cluster.ts';

/** Another process that runs the embedded Postgres; see embedded-postgres-child.ts. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly url: string;
}

const Greeting = z.object({ url: z.string() });
const State = z.object({ owner: z.object({ pid: z.int() }).nullable() });

/** A data directory with a stopped server for each test, and what tests do with it. All that runs ends with it. */
export class DataDirectory {
  path = '';
  messages: string[] = [];
  #servers: EmbeddedPostgres[] = [];
  #children: ChildProcess[] = [];

  readonly log: Log = {
    debug: () => undefined,
    info: (_, message) => void this.messages.push(message),
    warn: (_, message) => void this.messages.push(message),
    error: (_, message) => void this.messages.push(message),
  };

  static forEachTest(): DataDirectory {
    const directory = new DataDirectory();
    beforeEach(() => directory.#open());
    afterEach(() => directory.#close());
    return directory;
  }

  /** Leaves nothing of the server, so that the next start is the first. */
  async empty(): Promise<void> {
    await rm(join(this.path, 'postgres'), { recursive: true });
    await rm(join(this.path, 'pgpass'));
  }

  async start(path = this.path): Promise<EmbeddedPostgres> {
    const settings = { fsync: 'off' };
    const server = await startEmbeddedPostgres({ dataDir: path, log: this.log, settings });
    this.#servers.push(server);
    return server;
  }

  async startChild(): Promise<Child> {
    const script = join(import.meta.dirname, 'embedded-postgres-child.ts');
    const child = spawn(process.execPath, [script, this.path], {
      // A process group of its own, like a command in a terminal.
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    const [line] = await once(createInterface(child.stdout), 'line');
    const { url } = Greeting.parse(JSON.parse(String(line)));
    if (child.pid === undefined) throw new Error('Cannot start the child process');
    return { process: child, pid: child.pid, url };
  }

  /** As postmaster.pid has it, so also of a server that was killed. */
  async postmasterPid(): Promise<number | undefined> {
    const path = join(this.path, 'postgres', 'postmaster.pid');
    const content = await readFile(path, 'utf8').catch(() => undefined);
    return content === undefined ? undefined : Number(content.split('\n')[0]);
  }

  async killPostmaster(): Promise<number> {
    const pid = await this.postmasterPid();
    if (pid === undefined) throw new Error('Cannot kill the server as none runs');
    process.kill(pid, 'SIGKILL');
    return pid;
  }

  async ownerPid(): Promise<number | undefined> {
    const content = await readFile(join(this.path, 'postgres.json'), 'utf8');
    return State.parse(JSON.parse(content)).owner?.pid;
  }

  serverLog(): Promise<string> {
    return readFile(join(this.path, 'postgres.log'), 'utf8');
  }

  async #open(): Promise<void> {
    this.path = await mkdtemp(join(inject('quickDirectory'), 'posthorn-embedded-'));
    await copyCluster(this.path);
    // Not the default: another run on this machine would take the port while our server is down.
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    await writeFile(join(this.path, 'postgres.json'), JSON.stringify({ port, owner: null }));
    this.messages = [];
  }

  async #close(): Promise<void> {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
    // What a failed test left running is adopted, and so stopped, by one more start.
    if ((await this.postmasterPid()) !== undefined) await this.start();
    for (const server of this.#servers.splice(0)) await server.stop();
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Lets the child stop as after Ctrl-C, and waits for its end. */
export async function finish({ process: child }: Child): Promise<void> {
  const exit = once(child, 'exit');
  child.stdin?.end();
  await exit;
}

export async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

export function answers(url: string): Promise<boolean> {
  return query(url, 'select 1').then(
    () => true,
    () => false,
  );
}

/** A killed process that its parent has not yet reaped does not count. */
export async function isRunning(pid: number | undefined): Promise<boolean> {
  return pid !== undefined && (await identify(pid)) !== undefined;
}
