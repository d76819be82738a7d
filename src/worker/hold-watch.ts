import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { type Hold, holdText } from '../domain/hold.ts';
import type { Log } from '../log.ts';

interface HoldWatchOptions {
  readonly pool: Pool;
  /** POSTHORN_ENVIRONMENT; empty: not set. */
  readonly environment: string;
  readonly log: Log;
  /**
   * Called every two seconds while the database is held; `isNew`: the hold has just begun, or its reason has changed.
   */
  readonly whileHeld: (look: { readonly hold: Hold; readonly isNew: boolean }) => Promise<void>;
}

const everyMs = 2_000;

/**
 * Watches whether webhooks may be sent from this database. They may not if it is a copy, belongs to another
 * environment, or is held by an operator. The answer is in Postgres, so that all workers and the API agree. A worker
 * asks before each session, and every two seconds.
 */
export class HoldWatch {
  readonly #options: HoldWatchOptions;

  constructor(options: HoldWatchOptions) {
    this.#options = options;
  }

  /**
   * Waits until webhooks may be sent, or the signal fires. The first worker records the identity of the database.
   *
   * @throws when the database cannot be asked.
   */
  async untilFree({
    signal,
    onHeld,
  }: {
    readonly signal: AbortSignal;
    readonly onHeld: (hold: Hold) => void;
  }): Promise<void> {
    const { log, environment, whileHeld } = this.#options;
    let told: string | undefined;
    while (!signal.aborted) {
      const hold = await this.#ask();
      if (hold === undefined) {
        if (told !== undefined) log.info({}, 'The hold has ended: webhooks are sent');
        return;
      }
      const isNew = hold.reason !== told;
      if (isNew) {
        told = hold.reason;
        log.error({ hold: hold.kind }, holdText(hold, environment));
        onHeld(hold);
      }
      await whileHeld({ hold, isNew });
      await delay(everyMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Calls back once if the database becomes held. Returns a function that ends the watch. */
  watch(onHeld: () => void): () => void {
    let isAsking = false;
    const look = async () => {
      if (isAsking) return;
      isAsking = true;
      // An unreachable database counts as not held: the session notices the loss.
      const hold = await this.#ask().catch(() => undefined);
      isAsking = false;
      if (hold === undefined || timer === undefined) return;
      end();
      onHeld();
    };
    let timer: NodeJS.Timeout | undefined = setInterval(() => void look(), everyMs);
    const end = () => {
      clearInterval(timer);
      timer = undefined;
    };
    return end;
  }

  async #ask(): Promise<Hold | undefined> {
    const { rows } = await this.#options.pool.query<Hold>(
      'select kind, reason from posthorn.check_in($1)',
      [this.#options.environment],
    );
    return rows[0];
  }
}
