import { Child } from '../../../harness/child.ts';
import type { PeerName, PeerSite } from './peers.ts';
import type { PeerWorkerReport, PeerWorkerRequest } from './serve-worker.ts';

const startMs = 60_000;
const stopMs = 60_000;
/** Longer than any run. */
const foreverMs = 2_000_000_000;

/** The worker processes of a peer. */
export class PeerFleet implements AsyncDisposable {
  readonly pids: readonly number[];
  /** Rejects when a worker ends by itself. */
  readonly #failed: Promise<never>;
  readonly #workers: readonly Child<PeerWorkerRequest>[];
  readonly #signal: AbortSignal;

  /** Starts the processes; {@link begin} puts them to work. */
  static async start(
    peer: PeerName,
    { workers, signal }: { workers: number; signal: AbortSignal },
  ): Promise<PeerFleet> {
    await using stack = new AsyncDisposableStack();
    const children: Child<PeerWorkerRequest>[] = [];
    for (let number = 0; number < workers; number += 1) {
      const { child } = await Child.start<PeerWorkerRequest>(
        new URL(`${peer}/worker.ts`, import.meta.url),
        {
          signal,
          withinMs: startMs,
        },
      );
      children.push(stack.use(child));
    }
    stack.move();
    return new PeerFleet(children, signal);
  }

  private constructor(workers: readonly Child<PeerWorkerRequest>[], signal: AbortSignal) {
    this.#workers = workers;
    this.#signal = signal;
    this.pids = workers.map(({ pid }) => pid);
    // A child says no such event: it is there to be told when one ends.
    const ends = workers.map((worker) => worker.event('end', { signal, withinMs: foreverMs }));
    this.#failed = Promise.race(ends).then(() => {
      throw new Error('A worker ended');
    });
    this.#failed.catch(() => {});
  }

  async begin(site: PeerSite): Promise<void> {
    const limits = { signal: this.#signal, withinMs: startMs };
    await Promise.all(this.#workers.map((worker) => worker.ask({ ask: 'start', site }, limits)));
  }

  /** The work, unless a worker ends by itself meanwhile. */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failed]);
  }

  /** Lets them end what they have begun, and returns what went wrong in them. */
  async stop(): Promise<readonly string[]> {
    const limits = { signal: this.#signal, withinMs: stopMs };
    const reports = (await Promise.all(
      this.#workers.map((worker) => worker.ask({ ask: 'stop' }, limits)),
    )) as readonly PeerWorkerReport[];
    return reports.flatMap(({ troubles }) => troubles);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
  }
}
