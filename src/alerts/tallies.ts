import type { Pool } from 'pg';
import { Tally } from '../domain/tally.ts';
import type { Attempted, Events } from '../events.ts';
import type { Log } from '../log.ts';

interface TalliesOptions {
  readonly pool: Pool;
  /** The URL that alerts are sent to. */
  readonly alertUrl: string | undefined;
  readonly writeEveryMs: number;
  readonly events: Events;
  readonly log: Log;
}

/**
 * Counts attempts and failures in memory, and writes the sums to posthorn.tallies. The failure rates of all workers and
 * the charts of endpoints are read from there, because the attempts themselves are too many to count. A crash loses the
 * counts of 15 s, or up to five minutes if there are many endpoints.
 */
export class Tallies {
  readonly #options: TalliesOptions;
  readonly #tally = new Tally();
  /** The number that this process works under. */
  #worker = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: TalliesOptions) {
    this.#options = options;
  }

  start(): void {
    const { events, writeEveryMs } = this.#options;
    events.on('attempted', this.#note);
    this.#timer = setInterval(() => void this.write(), writeEveryMs);
  }

  /** Writes the remaining counts. */
  async stop(): Promise<void> {
    const { events } = this.#options;
    events.off('attempted', this.#note);
    clearInterval(this.#timer);
    await this.write({ all: true });
  }

  /** Writes the counts that are due, or all. Never throws: counts that cannot be written are written next time. */
  write(options: { all?: boolean } = {}): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write(options));
    return this.#writing;
  }

  readonly #note = ({ webhook, verdict, decision }: Attempted): void => {
    // Alert webhooks must not cause alerts, and trouble on our side is not a failure of an endpoint.
    if (webhook.url === this.#options.alertUrl || verdict.kind === 'repeat') return;
    // A receiver that asks us to wait has not failed either; breakers see it the same way.
    const isRetry = decision.became === 'retry' && verdict.kind === 'retry';
    if (isRetry && !decision.counts && verdict.reason === 'http_429') return;
    this.#worker = webhook.leasedBy;
    this.#tally.note(webhook.endpointId, {
      failed: verdict.kind !== 'delivered',
      nowMs: performance.now(),
    });
  };

  async #write(options: { all?: boolean }): Promise<void> {
    const { pool, log } = this.#options;
    const rows = this.#tally.take(performance.now(), options);
    if (rows.length === 0) return;
    try {
      await pool.query(
        `insert into posthorn.tallies (worker, endpoint_id, attempts, failures, is_watched)
         select $1, * from unnest($2::uuid[], $3::integer[], $4::integer[], $5::boolean[])`,
        [
          this.#worker,
          rows.map(({ endpointId }) => endpointId),
          rows.map(({ attempts }) => attempts),
          rows.map(({ failures }) => failures),
          rows.map(({ isWatched }) => isWatched),
        ],
      );
    } catch (error) {
      this.#tally.give(rows);
      log.warn(
        { error: String(error) },
        'Cannot write the counts of attempts: they are written later',
      );
    }
  }
}
