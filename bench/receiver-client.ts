import { Child } from '../harness/child.ts';
import type { Mood, ReceiverEvent, ReceiverRequest } from './receiver.ts';
import type { ReceiverCounters, Watched } from './receiver-books.ts';

const answerMs = 10_000;

/** The receiver's process, seen from the benchmark. */
export class ReceiverClient implements AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly #child: Child<ReceiverRequest>;
  readonly #signal: AbortSignal;

  static async start(signal: AbortSignal): Promise<ReceiverClient> {
    const { child, ready } = await Child.start<ReceiverRequest>(
      new URL('receiver.ts', import.meta.url),
      {
        signal,
        withinMs: answerMs,
      },
    );
    return new ReceiverClient(child, { port: Number(ready), signal });
  }

  private constructor(
    child: Child<ReceiverRequest>,
    { port, signal }: { port: number; signal: AbortSignal },
  ) {
    this.#child = child;
    this.#signal = signal;
    this.pid = child.pid;
    this.port = port;
  }

  async reset(books: { expected: number; delayMs: number }): Promise<void> {
    await this.#ask({ ask: 'reset', ...books });
  }

  async counters(): Promise<ReceiverCounters> {
    return (await this.#ask({ ask: 'counters' })) as ReceiverCounters;
  }

  /** When each id came, clockMs(). */
  async arrivals(): Promise<Map<string, number>> {
    return (await this.#ask({ ask: 'arrivals' })) as Map<string, number>;
  }

  /** From now on the path has this mood, and books of its own. */
  async mood(path: string, mood: Mood): Promise<void> {
    await this.#ask({ ask: 'mood', path, mood });
  }

  /** What came to a path since it has a mood. */
  async watched(path: string): Promise<Watched> {
    return (await this.#ask({ ask: 'watched', path })) as Watched;
  }

  /** The path is as all others again. */
  async unwatch(path: string): Promise<void> {
    await this.#ask({ ask: 'unwatch', path });
  }

  /** The first request came; or as many different ids as expected. */
  event(event: ReceiverEvent, withinMs: number): Promise<void> {
    return this.#child.event(event, { signal: this.#signal, withinMs });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }

  #ask(request: ReceiverRequest): Promise<unknown> {
    return this.#child.ask(request, { signal: this.#signal, withinMs: answerMs });
  }
}
