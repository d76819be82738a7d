import type { Pool } from 'pg';
import { Tally } from '../domain/tally.ts';
import type { Attempted, Events } from '../events.ts';
import type { Log } from '../log.ts';

interface TalliesOptions {
  readonly pool: Pool;
  /** Where alerts are told. */
  readonly alertUrl: string | undefined;
  readonly writeEveryMs: number;
  readonly events: Events;
  readonly log: Log;
}

/**
 * Counts in memory what is tried and what fails, and writes sums to posthorn.tallies, from which the failure rates of all
 * workers together and what the charts show of endpoints are read: the attempts themselves are too many to be counted. A crash
 * loses 15 s of it, and of many endpoints up to five minutes.
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

  /** Writes the last of it. */
  async stop(): Promise<void> {
    const { events } = this.#options;
    events.off('attempted', this.#note);
    clearInterval(this.#timer);
    await this.write({ all: true });
  }

  /** Writes what is to be written now, or all. Never throws: what cannot be written is written the next time. */
  write(options: { all?: boolean } = {}): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write(options));
    return this.#writing;
  }

  readonly #note = ({ webhook, verdict, decision }: Attempted): void => {
    // What tells of alerts must not be the cause of one; and our own trouble is not a failure of an endpoint.
    if (webhook.url === this.#options.alertUrl || verdict.kind === 'repeat') return;
    // Nor is a wish for a pause, as breakers see it.
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
      log.warn({ error: String(error) }, 'Cannot write what was tried: it is written later');
    }
  }
}
