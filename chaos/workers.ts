import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { end, endWithUs } from '../harness/ending.ts';
import type { Failpoint } from './failpoint.ts';

const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const preload = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A worker that was killed, or stopped for a while. */
export interface Death {
  readonly number: number;
  /** Date.now(). */
  readonly atMs: number;
}

/** What a worker had claimed was freed, as it seemed dead or a successor has its number. */
export interface Rescue {
  readonly number: number;
  /** Date.now(), when it was said. */
  readonly atMs: number;
}

/** A place for a worker process: when one ends, another may be started in it. */
export class WorkerSlot implements AsyncDisposable {
  readonly name: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #ready: Promise<void> = Promise.resolve();
  #exited: Promise<unknown> = Promise.resolve();
  /** Under which number it claims; it may change with its session. */
  number: number | undefined;
  logLines = 0;
  /** What its processes said of others whose work they freed. */
  readonly rescues: Rescue[] = [];
  /** The last it said. */
  readonly tail: string[] = [];

  constructor(name: string, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#env = env;
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** By kill -9, of ours or of a failpoint's. */
  get wasKilled(): boolean {
    return this.#child?.signalCode === 'SIGKILL';
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(
    options: {
      readonly failpoint?: { at: Failpoint; after: number };
      readonly clockMs?: number;
    } = {},
  ): void {
    if (this.isRunning) return;
    const { failpoint, clockMs } = options;
    const flags: string[] = [];
    const env: Record<string, string> = {};
    if (failpoint !== undefined) {
      flags.push('--import', preload('failpoint.ts'));
      env['CHAOS_FAILPOINT'] = failpoint.at;
      env['CHAOS_FAILPOINT_AFTER'] = String(failpoint.after);
    }
    if (clockMs !== undefined) {
      flags.push('--import', preload('wrong-clock.ts'));
      env['CHAOS_CLOCK_OFFSET_MS'] = String(clockMs);
    }
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(process.execPath, [...flags, cli, 'worker'], {
      // The tail is for what is wrong with the worker, not for what receivers answer.
      env: { PATH, HOME, POSTHORN_LOG_ATTEMPTS: 'none', ...this.#env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    endWithUs(child);
    this.#child = child;
    this.#exited = once(child, 'exit');
    this.number = undefined;
    const ready = Promise.withResolvers<void>();
    this.#ready = ready.promise;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.logLines += 1;
        this.tail.push(line);
        if (this.tail.length > 200) this.tail.shift();
        this.#noteRescues(line);
        if (!line.includes('Worker ready')) return;
        this.number = Number(/"worker":(\d+)/.exec(line)?.[1]);
        ready.resolve();
      });
    }
    child.once('exit', () => ready.resolve());
  }

  #noteRescues(line: string): void {
    const [, freed] =
      /"worker":(\d+).*Freed the webhooks that a worker had claimed/.exec(line) ?? [];
    if (freed !== undefined) this.rescues.push({ number: Number(freed), atMs: Date.now() });
  }

  /** Resolves when it claims, or has ended. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** Resolves when it has ended. */
  async ended(): Promise<void> {
    await this.#exited;
  }

  /** kill -9. Undefined when it was not claiming yet. */
  async kill(): Promise<Death | undefined> {
    const { number } = this;
    this.signal('SIGKILL');
    const atMs = Date.now();
    await this.#exited;
    return number === undefined ? undefined : { number, atMs };
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child?.kill(signal);
  }

  /** SIGTERM; the exit code, or null after 60 s. */
  async stop(): Promise<number | null> {
    if (!this.isRunning) return this.#child?.exitCode ?? 0;
    this.#child?.kill('SIGTERM');
    await Promise.race([
      this.#exited,
      new Promise((resolve) => setTimeout(resolve, 60_000).unref()),
    ]);
    return this.#child?.exitCode ?? null;
  }

  /** Resident set, MB; undefined where there is no /proc. */
  get rssMb(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
    } catch {
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGCONT');
    if (this.#child !== undefined) await end(this.#child);
  }
}
