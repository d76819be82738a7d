import { setTimeout as sleep } from 'node:timers/promises';
import type { RoundDatabase } from '../harness/postgres.ts';
import { WorkerProcess } from './worker-process.ts';

interface FleetOptions {
  readonly databaseUrl: string;
  readonly workers: number;
  readonly profile: string | undefined;
  /** Options of Node.js. */
  readonly flags?: readonly string[];
  /** Settings of the workers beside their defaults. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The worker processes of a round. */
export class Fleet implements AsyncDisposable {
  readonly pids: readonly number[];
  /** Rejects when a worker ends by itself. */
  readonly failed: Promise<never>;
  readonly #workers: readonly WorkerProcess[];

  constructor({ workers, ...options }: FleetOptions) {
    this.#workers = Array.from({ length: workers }, () => new WorkerProcess(options));
    this.pids = this.#workers.map(({ pid }) => pid);
    this.failed = Promise.race(this.#workers.map((worker) => worker.failed));
    this.failed.catch(() => {});
  }

  /** Where their health and metrics are. */
  get addresses(): Promise<string[]> {
    return Promise.all(this.#workers.map(({ address }) => address));
  }

  /** What the workers printed last. */
  get tails(): string {
    return this.#workers.map(({ tail }) => tail).join('\n');
  }

  /** The work, unless a worker ends by itself meanwhile. */
  async during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.failed]).catch((cause: unknown) => {
      const message = `${String(cause)}\nThe workers said:\n${this.tails}`;
      throw new Error(message, { cause });
    });
  }

  /** Waits until every worker has its number and its runner. */
  async ready(database: RoundDatabase, signal: AbortSignal): Promise<void> {
    const look = async () => {
      for (let tries = 0; tries < 600; tries += 1) {
        const { rows } = await database.client.query(
          'select from posthorn.workers where graphile_pool is not null',
        );
        if (rows.length === this.pids.length) return;
        await sleep(100, undefined, { signal });
      }
      throw new Error('The workers did not get ready within 60 s');
    };
    await this.during(look());
  }

  /** Sends SIGTERM to all and waits. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
  }
}
