import { Child } from '../../harness/child.ts';
import type { LoadCounters, LoadEvent, LoadPorts, LoadQuestion, Turns } from './load-receiver.ts';

const answerMs = 20_000;

/** The process that receives the load from others, seen from the benchmark. */
export class LoadClient implements AsyncDisposable {
  readonly ports: LoadPorts;
  readonly pid: number;
  readonly #child: Child<LoadQuestion>;
  readonly #signal: AbortSignal;

  static async start(signal: AbortSignal): Promise<LoadClient> {
    const { child, ready } = await Child.start<LoadQuestion>(
      new URL('load-receiver.ts', import.meta.url),
      { signal, withinMs: answerMs },
    );
    return new LoadClient(child, { ports: ready as LoadPorts, signal });
  }

  private constructor(
    child: Child<LoadQuestion>,
    { ports, signal }: { ports: LoadPorts; signal: AbortSignal },
  ) {
    this.#child = child;
    this.#signal = signal;
    this.pid = child.pid;
    this.ports = ports;
  }

  /** Starts new books, with turns if it is told the sizes of the backlogs of tenants. */
  async open(sizes: readonly number[] = []): Promise<void> {
    await this.#ask({ ask: 'open', sizes });
  }

  async counters(): Promise<LoadCounters> {
    return (await this.#ask({ ask: 'counters' })) as LoadCounters;
  }

  async turns(): Promise<Turns> {
    return (await this.#ask({ ask: 'turns' })) as Turns;
  }

  async letGo(): Promise<void> {
    await this.#ask({ ask: 'let go' });
  }

  /** Resolves when the first tenant has all its webhooks, or when the time is over. */
  async exhausted(withinMs: number): Promise<void> {
    const event: LoadEvent = 'exhausted';
    await this.#child.event(event, { signal: this.#signal, withinMs }).catch(() => {});
    this.#signal.throwIfAborted();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }

  #ask(question: LoadQuestion): Promise<unknown> {
    return this.#child.ask(question, { signal: this.#signal, withinMs: answerMs });
  }
}
