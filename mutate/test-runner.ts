import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answered, Asked } from './test-child.ts';

/** What came of a test file: the test that failed, or null; 'timeout' when it did not end. */
export interface Ran {
  readonly ms: number;
  readonly failed: string | null;
  readonly isTimeout: boolean;
}

export interface RunnerOptions {
  readonly cwd: string;
  readonly databaseUrl: string;
  readonly signal: AbortSignal;
  /** A test file that takes no time. */
  readonly cheapTest: string;
}

const child = fileURLToPath(new URL('test-child.ts', import.meta.url));
/** An engine that hangs is noticed by the time limit of a test, 30 s; of a hook, 60 s. */
const leastTimeoutMs = 90_000;

/** Runs test files in the copy of the tree, one after the other, against a given server. */
export class TestRunner implements AsyncDisposable {
  readonly #options: RunnerOptions;
  readonly #usual = new Map<string, Ran>();
  #process: ChildProcess | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** The database that the tests clone. It is made before the first test of a process. */
  async template(): Promise<string> {
    if (this.#process === undefined) await this.#run(this.#options.cheapTest, 10 * leastTimeoutMs);
    return `posthorn_template_${this.#process?.pid}`;
  }

  /** Whether a file was run without a mutant. */
  knows(file: string): boolean {
    return this.#usual.has(file);
  }

  /** How long a file takes without a mutant; 0 if that is not known yet. */
  usualMs(file: string): number {
    return this.#usual.get(file)?.ms ?? 0;
  }

  /** Whether changes of the template are still there. */
  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Runs a file without a mutant, once: what fails then says nothing about mutants. */
  async usual(file: string): Promise<Ran> {
    const known = this.#usual.get(file);
    if (known !== undefined) return known;
    const ran = await this.#run(file, 10 * leastTimeoutMs);
    this.#usual.set(file, ran);
    return ran;
  }

  async run(file: string): Promise<Ran> {
    const usual = await this.usual(file);
    return this.#run(file, Math.max(leastTimeoutMs, 5 * usual.ms));
  }

  async #run(file: string, timeoutMs: number): Promise<Ran> {
    this.#options.signal.throwIfAborted();
    const startedAt = Date.now();
    const running = this.#started();
    const asked: Asked = { file };
    const deadline = AbortSignal.timeout(timeoutMs);
    const done = new AbortController();
    const signal = AbortSignal.any([deadline, this.#options.signal, done.signal]);
    running.send(asked);
    try {
      const [answer] = (await Promise.race([
        once(running, 'message', { signal }),
        once(running, 'exit', { signal }).then(([code]) => {
          throw new Error(`The tests ended by themselves with code ${code}: ${file}`);
        }),
      ])) as [Answered];
      return { ms: answer.ms, failed: answer.failed, isTimeout: false };
    } catch (error) {
      await this.stop();
      this.#options.signal.throwIfAborted();
      if (!deadline.aborted) throw error;
      return { ms: Date.now() - startedAt, failed: `${file} did not end`, isTimeout: true };
    } finally {
      done.abort();
    }
  }

  #started(): ChildProcess {
    const { cwd, databaseUrl } = this.#options;
    this.#process ??= fork(child, {
      cwd,
      env: { ...process.env, POSTHORN_TEST_DATABASE_URL: databaseUrl, NODE_ENV: 'test' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return this.#process;
  }

  /** The next test starts with another process and another template. */
  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    // Then it closes what it opened. A signal vitest would answer itself, and leave the template.
    running.disconnect();
    const kill = setTimeout(() => running.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(kill);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
