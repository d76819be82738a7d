import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { plainArray } from '../db/plain-array.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import { isFaultOfRow } from '../db/sqlstate.ts';
import { isAlive, type LaneResult, laneNews } from '../domain/breaker.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { writeBare } from './bare-record.ts';
import type { Breakers } from './breakers.ts';
import type { GoneEndpoints } from './gone-endpoints.ts';
import { type SettledRow, settleLate } from './late-results.ts';
import type { AttemptTrace } from './tracing.ts';

/** How one attempt ended and what becomes of its webhook. */
export interface AttemptRecord {
  readonly webhookId: string;
  readonly number: number;
  /** An attempt before it was abandoned, and maybe nobody has closed it. */
  readonly mayHaveOpenAttempts: boolean;
  readonly leasedBy: number;
  readonly became: 'retry' | 'delivered' | 'failed';
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly errorMessage: string | null;
  readonly responseBody: string | null;
  readonly responseTruncated: boolean | null;
  readonly durationMs: number;
  /** performance.now() when the attempt ended. */
  readonly endedAtMs: number;
  readonly retryInMs: number | null;
  readonly reason: string | null;
  readonly counts: boolean;
  /** What it says about its lane. */
  readonly laneResult: LaneResult;
  readonly endpointId: string | null;
  /** Answers 410 Gone of the endpoint before this one. */
  readonly goneAnswers: number;
  /** Called when it is in Postgres, or given up. */
  readonly onSettled?: (() => void) | undefined;
  /** Told then, too; but it is nothing to hurry for. */
  readonly trace?: AttemptTrace | undefined;
}

interface RecorderOptions {
  readonly pool: Pool;
  readonly breakers: Breakers;
  readonly endpoints: GoneEndpoints;
  readonly events: Events;
  readonly log: Log;
  /** How long a batch is tried again while Postgres is away. */
  readonly patienceMs?: number;
}

/** A webhook that was ours to record, a lane whose breaker was open and is closed now, or an ordered lane that is held. */
interface RecordedRow extends SettledRow {
  closed_lane: string | null;
  held_lane: string | null;
}

const recordSql = sqlFile('record');
const closeAbandonedSql = sqlFile('close-abandoned');
/** More do not make a result cheaper: each finds its place in the arrays by looking along them. */
const batchSize = 250;
const lingerMs = 5;
const maxConcurrent = 3;
/** As record.sql knows them. */
export const becameCodes = { retry: 0, delivered: 1, failed: 2 } as const;

/**
 * Writes results to Postgres, many in one statement: what ends within 5 ms, or while others are written, goes
 * together.
 *
 * A statement that fails because Postgres is away is tried again for 30 s: a receiver's 2xx that is not written is a
 * duplicate later. One that fails for a row is halved until that row is alone, which is then written without the receiver's
 * words, or else without its attempt. A crash here: the leases are freed by the rescue, the webhooks are sent again.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #patienceMs: number;
  #pending: AttemptRecord[] = [];
  /** One of them must not wait for others. */
  #isAwaited = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #running = new Set<Promise<void>>();
  readonly #writing = new Set<readonly AttemptRecord[]>();
  /** Called with an ordered lane that is held until its first webhook is tried again, before that one's `onSettled`. */
  onLaneHeld: (lane: string) => void = () => {};

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? 30_000;
  }

  add(record: AttemptRecord): void {
    this.#pending.push(record);
    // The next of an ordered lane waits for it.
    this.#isAwaited ||= record.onSettled !== undefined;
    if (this.#isAwaited || this.#pending.length >= batchSize) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), lingerMs);
  }

  /** The webhooks whose results are not in Postgres yet. */
  get webhookIds(): string[] {
    return [...this.#pending, ...[...this.#writing].flat()].map((record) => record.webhookId);
  }

  /** Resolves when everything added so far is in Postgres or given up. */
  async drain(): Promise<void> {
    while (this.#pending.length > 0 || this.#running.size > 0) {
      this.#flush();
      await Promise.race(this.#running);
    }
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#isWorthOne()) {
      const batch = this.#takeBatch();
      this.#isAwaited &&= this.#pending.length > 0;
      this.#writing.add(batch);
      const run = this.#write(batch).finally(() => {
        this.#running.delete(run);
        this.#writing.delete(batch);
        if (this.#pending.length > 0) this.#flush();
      });
      this.#running.add(run);
    }
  }

  /** A webhook twice, as when its lease ran out under a slow request, goes into two. */
  #takeBatch(): AttemptRecord[] {
    const batch = new Map<string, AttemptRecord>();
    const left: AttemptRecord[] = [];
    for (const record of this.#pending) {
      if (batch.size < batchSize && !batch.has(record.webhookId))
        batch.set(record.webhookId, record);
      else left.push(record);
    }
    this.#pending = left;
    return [...batch.values()];
  }

  /** What is awaited goes at once; else what comes while others are written goes together, as long as it is one batch. */
  #isWorthOne(): boolean {
    const { length } = this.#pending;
    if (length === 0 || this.#running.size >= maxConcurrent) return false;
    return this.#running.size === 0 || this.#isAwaited || length >= batchSize;
  }

  async #write(batch: readonly AttemptRecord[]): Promise<void> {
    const givenUpAt = performance.now() + this.#patienceMs;
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.#writeOnce(batch);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (isFaultOfRow(error)) return this.#isolate(batch, message);
        if (performance.now() > givenUpAt) return this.#giveUp(batch, message);
        await delay(Math.min(50 * 2 ** tries, 1_000));
      }
    }
  }

  async #writeOnce(batch: readonly AttemptRecord[]): Promise<void> {
    const startedMs = performance.now();
    const news = laneNews(batch.map((record) => record.laneResult));
    const alive = news.filter(isAlive);
    await this.#closeAbandoned(batch);
    const rows = await this.#record(batch, { alive: alive.map(({ lane }) => lane), startedMs });
    const ours = rows.flatMap((row) => (row.webhook_id === null ? [] : [row.webhook_id]));
    // Nothing is held in memory by what was decided here: by now somebody may have cancelled the webhook.
    for (const { held_lane: lane } of rows) if (lane !== null) this.onLaneHeld(lane);
    const again = await settleLate(this.#options.pool, batch, rows);
    if (again.length > 0) await this.#record(again, { alive: [], startedMs });
    await this.#options.breakers.tellClosed(
      rows.flatMap((row) => (row.closed_lane === null ? [] : [row.closed_lane])),
    );
    await this.#options.breakers.count(news);
    await this.#options.endpoints.note(batch);
    settle(batch, { fromMs: startedMs, isLost: false });
    const durationMs = performance.now() - startedMs;
    this.#options.events.emit('recorded', {
      results: batch.length,
      ours: ours.length,
      durationMs,
    });
  }

  #record(
    batch: readonly AttemptRecord[],
    { alive, startedMs }: { alive: readonly string[]; startedMs: number },
  ): Promise<RecordedRow[]> {
    return runSql<RecordedRow>(this.#options.pool, {
      sql: recordSql,
      values: [
        plainArray(batch.map((record) => record.webhookId)),
        plainArray(batch.map((record) => record.number)),
        plainArray(batch.map((record) => becameCodes[record.became])),
        plainArray(batch.map((record) => record.statusCode)),
        plainArray(batch.map((record) => record.error)),
        batch.map((record) => record.errorMessage),
        batch.map((record) => record.responseBody),
        plainArray(batch.map((record) => record.responseTruncated)),
        plainArray(batch.map((record) => record.durationMs)),
        plainArray(batch.map((record) => startedMs - record.endedAtMs)),
        plainArray(batch.map((record) => (record.retryInMs ?? 0) / 1_000)),
        plainArray(batch.map((record) => record.reason)),
        plainArray(batch.map((record) => (record.counts ? 0 : 1))),
        plainArray(batch.map((record) => record.leasedBy)),
        plainArray(alive),
        plainArray([
          ...new Set(
            batch.flatMap(({ became, laneResult }) =>
              became === 'retry' ? [laneResult.lane] : [],
            ),
          ),
        ]),
      ],
    });
  }

  /** Of leases that ran out: as part of the record, so that it is tried again when Postgres is away. */
  async #closeAbandoned(batch: readonly AttemptRecord[]): Promise<void> {
    const repeated = batch.filter((record) => record.mayHaveOpenAttempts);
    if (repeated.length === 0) return;
    await runSql(this.#options.pool, {
      sql: closeAbandonedSql,
      values: [repeated.map((record) => record.webhookId), repeated.map((record) => record.number)],
    });
  }

  async #isolate(batch: readonly AttemptRecord[], message: string): Promise<void> {
    const [only, ...others] = batch;
    if (only === undefined) return;
    if (others.length > 0) {
      const half = Math.ceil(batch.length / 2);
      await this.#write(batch.slice(0, half));
      await this.#write(batch.slice(half));
    } else if ((only.responseBody ?? only.errorMessage) !== null) {
      this.#options.log.error(
        { webhookId: only.webhookId, error: message },
        'Cannot record the answer of a receiver: recording the attempt without it',
      );
      await this.#write([{ ...only, responseBody: null, errorMessage: null }]);
    } else if (!(await writeBare(this.#options, only, message))) this.#giveUp(batch, message);
    else settle(batch, { fromMs: performance.now(), isLost: true });
  }

  #giveUp(batch: readonly AttemptRecord[], error: string): void {
    const lost = { results: batch.length, error };
    this.#options.log.error(
      lost,
      'Cannot record results: their webhooks will be sent again when the leases run out',
    );
    this.#options.events.emit('recordLost', lost);
    settle(batch, { fromMs: performance.now(), isLost: true });
  }
}

function settle(
  batch: readonly AttemptRecord[],
  { fromMs, isLost }: { fromMs: number; isLost: boolean },
): void {
  const toMs = performance.now();
  for (const { onSettled, trace } of batch) {
    onSettled?.();
    trace?.recorded({ fromMs, toMs, isLost });
  }
}
