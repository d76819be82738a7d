import { type ChildProcess, fork } from 'node:child_process';
import { end, endWithUs } from './ending.ts';

interface Limits {
  readonly signal: AbortSignal;
  readonly withinMs: number;
}

interface Message {
  readonly answer?: unknown;
  readonly error?: string;
  readonly event?: string;
}

/** A module that runs in its own process, which answers one question at a time; see parent.ts. */
export class Child<Question extends object> implements AsyncDisposable {
  readonly pid: number;
  readonly #process: ChildProcess;
  #waiting: ((message: Message) => boolean)[] = [];

  /** Starts it and waits for what it says when it is ready. */
  static async start<Question extends object>(
    module: URL,
    limits: Limits,
  ): Promise<{ child: Child<Question>; ready: unknown }> {
    const child = new Child<Question>(module);
    try {
      return { child, ready: await child.#answer(limits) };
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(module: URL) {
    this.#process = fork(module, {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.pid = this.#process.pid ?? 0;
    endWithUs(this.#process);
    this.#process.on('message', (message: Message) => this.#tell(message));
    this.#process.on('error', (error) => this.#tell({ error: error.message }));
    this.#process.on('exit', () =>
      this.#tell({ error: `${module.pathname.split('/').slice(-2).join('/')} ended` }),
    );
  }

  /** @throws what the child threw, or when the answer does not come in time. */
  ask(question: Question, limits: Limits): Promise<unknown> {
    const answer = this.#answer(limits);
    this.#process.send(question);
    return answer;
  }

  /** Resolves with the next event of this name. */
  async event(name: string, limits: Limits): Promise<void> {
    await this.#wait((message) => message.event === name, limits);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#process);
  }

  async #answer(limits: Limits): Promise<unknown> {
    return (await this.#wait((message) => 'answer' in message, limits)).answer;
  }

  #tell(message: Message): void {
    this.#waiting = this.#waiting.filter((isAnswered) => !isAnswered(message));
  }

  #wait(isWanted: (message: Message) => boolean, { signal, withinMs }: Limits): Promise<Message> {
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    // Whoever asked may have failed elsewhere and not be waiting any more.
    promise.catch(() => {});
    const fail = (reason: unknown) => reject(reason instanceof Error ? reason : new Error('Ended'));
    const onAbort = () => fail(signal.reason);
    const timer = setTimeout(
      () => fail(new Error(`No answer from process ${this.pid} within ${withinMs / 1_000} s`)),
      withinMs,
    );
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    promise.then(done, done);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    this.#waiting.push((message) => {
      if (message.error !== undefined) fail(new Error(message.error));
      else if (isWanted(message)) resolve(message);
      else return false;
      return true;
    });
    return promise;
  }
}
