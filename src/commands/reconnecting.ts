import { setTimeout as delay } from 'node:timers/promises';
import { problemOfError } from '../input/database-problem.ts';

const againMs = 1_000;

/**
 * Asks a database that may go away for a while: repeats a read until there is an answer, and says once that the database is away and
 * once that it is back.
 */
export class Reconnecting {
  readonly #stop: AbortSignal;
  readonly #say: (line: string) => void;
  #isAway = false;

  constructor(options: { readonly stop: AbortSignal; readonly say: (line: string) => void }) {
    this.#stop = options.stop;
    this.#say = options.say;
  }

  /**
   * @throws when the answer is an error that no repetition can mend, and once the signal is aborted.
   */
  async ask<Answer>(read: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      this.#stop.throwIfAborted();
      try {
        const answer = await read();
        if (this.#isAway) this.#say('The database is back.');
        this.#isAway = false;
        return answer;
      } catch (error) {
        this.#stop.throwIfAborted();
        const { kind } = problemOfError(error);
        if (kind !== 'database_unavailable' && kind !== 'timeout') throw error;
        if (!this.#isAway)
          this.#say('The database is away. It is tried every second; nothing is missed.');
        this.#isAway = true;
        await delay(againMs, undefined, { signal: this.#stop });
      }
    }
  }
}
