import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { runSql, sqlFile } from '../db/sql-file.ts';
import { isFaultOfRow } from '../db/sqlstate.ts';
import { isLockFailure } from '../db/transaction.ts';
import { breakerNews, isAlive } from '../domain/breaker.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import {
  type AttemptRecord,
  laneResultOf,
  lanesThatAre,
  recordAttempts,
} from './attempt-record.ts';
import { writeBare } from './bare-record.ts';
import type { Breakers } from './breakers.ts';
import type { GoneEndpoints } from './gone-endpoints.ts';
import { settleLate } from './late-results.ts';
import { PutOff } from './put-off.ts';

interface RecorderOptions {
  readonly pool: Pool;
  readonly breakers: Breakers;
  readonly endpoints: GoneEndpoints;
  readonly events: Events;
  readonly log: Log;
  /** How long a batch is tried again while Postgres is away. */
  readonly patienceMs?: number;
}

const closeAbandonedSql = sqlFile('close-abandoned');
const keepLeasesSql = sqlFile('keep-leases');
/** A larger batch does not make a result cheaper, because each finds its place in the arrays by reading along them. */
const batchSize = 250;
const lingerMs = 5;
const maxConcurrent = 3;
const drainEveryMs = 20;

/**
 * Writes results to Postgres, many in one statement: those that end within 5 ms, or while others are written, go together.
 *
 * - Postgres is away: the statement is tried again for 30 s, because a 2xx that is not written becomes a duplicate later.
 * - Postgres refuses a row: the batch is halved until that row is alone. It is then written without the receiver's answer, or else
 *   without its attempt.
 * - Another session has locked a row that a result needs: that result is put off and its lease is kept; the rest is written.
 *
 * After a crash here the rescue frees the leases, and the webhooks are sent again.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #patienceMs: number;
  #pending: AttemptRecord[] = [];
  /** One of the pending results must not wait for others. */
  #isAwaited = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #running = new Set<Promise<void>>();
  readonly #writing = new Set<readonly AttemptRecord[]>();
  readonly #putOff = new PutOff<string, AttemptRecord>(() => this.#bringAgain());

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? 30_000;
  }

  add(record: AttemptRecord): void {
    this.#pending.push(record);
    this.#isAwaited ||= record.isAwaited === true;
    if (this.#isAwaited || this.#pending.length >= batchSize) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), lingerMs);
  }

  /** The webhooks whose results are not in Postgres yet. */
  get webhookIds(): string[] {
    const all = [...this.#pending, ...[...this.#writing].flat(), ...this.#putOff.items];
    return all.map((record) => record.webhook.webhookId);
  }

  /** Resolves when everything added so far is in Postgres or given up. */
  async drain(): Promise<void> {
    const putOffUntilMs = performance.now() + this.#patienceMs;
    while (this.#pending.length > 0 || this.#running.size > 0 || this.#putOff.size > 0) {
      this.#flush();
      if (this.#running.size > 0) await Promise.race(this.#running);
      else if (performance.now() < putOffUntilMs) await delay(drainEveryMs);
      else this.#giveUp(this.#takePutOff(), 'somebody else has rows of theirs locked');
    }
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#isWorthOne()) {
      const batch = this.#takeBatch();
      // Each of them waits for one that is being written, whose end flushes again.
      if (batch.length === 0) return;
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

  /**
   * Takes one result per webhook. There may be two if a lease ran out during a slow request; they go into two batches. Those of an
   * ordered lane are written in turn, so that what is not in Postgres when the worker dies is the last that was sent, without gaps.
   */
  #takeBatch(): AttemptRecord[] {
    const batch = new Map<string, AttemptRecord>();
    const left: AttemptRecord[] = [];
    const writing = new Set([...this.#writing].flat().filter(isInOrder).map(laneOf));
    for (const record of this.#pending) {
      const hasRoom = batch.size < batchSize && !batch.has(record.webhook.webhookId);
      if (hasRoom && !(isInOrder(record) && writing.has(laneOf(record))))
        batch.set(record.webhook.webhookId, record);
      else left.push(record);
    }
    this.#pending = left;
    return [...batch.values()];
  }

  /** An awaited result goes at once. Others wait for the statement under way, as long as they fit into one batch. */
  #isWorthOne(): boolean {
    const { length } = this.#pending;
    if (length === 0 || this.#running.size >= maxConcurrent) return false;
    return this.#running.size === 0 || this.#isAwaited || length >= batchSize;
  }

  async #write(all: readonly AttemptRecord[]): Promise<void> {
    const givenUpAt = performance.now() + this.#patienceMs;
    let batch = all;
    for (let tries = 0; batch.length > 0; tries += 1) {
      try {
        return await this.#writeOnce(batch);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (isFaultOfRow(error)) return this.#isolate(batch, message);
        if (isLockFailure(error)) batch = await this.#putOffLocked(batch);
        if (performance.now() > givenUpAt) return this.#giveUp(batch, message);
        await delay(Math.min(50 * 2 ** tries, 1_000));
      }
    }
  }

  async #writeOnce(batch: readonly AttemptRecord[]): Promise<void> {
    const { pool, breakers, endpoints, events } = this.#options;
    const startedMs = performance.now();
    const fresh = batch.filter((record) => record.wasPutOff !== true);
    const news = breakerNews(fresh.map(laneResultOf));
    const alive = news.filter(isAlive);
    await this.#closeAbandoned(batch);
    const rows = await recordAttempts(pool, batch, {
      alive: alive.map(({ key }) => key),
      startedMs,
    });
    const ours = rows.flatMap((row) => (row.webhook_id === null ? [] : [row.webhook_id]));
    // Take the delay from Postgres and not from the decision, because the webhook may have been cancelled in the meantime.
    const delayed = lanesThatAre('held', rows);
    if (delayed.length > 0) events.emit('lanesDelayed', { lanes: delayed });
    const late = await settleLate(pool, batch, rows);
    if (late.again.length > 0) await recordAttempts(pool, late.again, { alive: [], startedMs });
    await breakers.tellClosed(rows);
    await breakers.count(news, new Set(lanesThatAre('breaker_locked', rows)));
    await endpoints.note(fresh);
    const lockedLanes = new Set(lanesThatAre('rule_locked', rows));
    const isLocked = ({ webhook, decision }: AttemptRecord) =>
      late.locked.has(webhook.webhookId) ||
      // A result that ended its webhook in time needs no rule.
      (lockedLanes.has(webhook.lane) &&
        (decision.became === 'retry' || late.webhookIds.has(webhook.webhookId)));
    this.#putOffAll(batch.filter(isLocked));
    settle(
      batch.filter((record) => !isLocked(record)),
      { fromMs: startedMs, isLost: false },
    );
    const durationMs = performance.now() - startedMs;
    events.emit('recorded', { results: batch.length, ours: ours.length, durationMs });
  }

  #putOffAll(records: readonly AttemptRecord[]): void {
    for (const record of records) this.#putOff.set(keyOf(record), { ...record, wasPutOff: true });
  }

  /** Puts off results whose webhook another session has locked; returns the others. */
  async #putOffLocked(batch: readonly AttemptRecord[]): Promise<readonly AttemptRecord[]> {
    const locked = await this.#keepLeases(batch).catch(() => new Set<string>());
    for (const record of batch) {
      // What it says about its lane has not been counted yet, so it does not get `wasPutOff`.
      if (locked.has(record.webhook.webhookId)) this.#putOff.set(keyOf(record), record);
    }
    return batch.filter((record) => !locked.has(record.webhook.webhookId));
  }

  /** Adds the results that were put off again if their webhook is no longer locked. The record finds out about lane rules. */
  async #bringAgain(): Promise<void> {
    const tried = this.#putOff.items;
    const locked = await this.#keepLeases(tried);
    for (const record of tried) {
      // It may have been given up in the meantime.
      if (locked.has(record.webhook.webhookId) || this.#putOff.get(keyOf(record)) !== record)
        continue;
      this.#putOff.delete(keyOf(record));
      this.#pending.push(record);
      this.#isAwaited = true;
    }
    this.#flush();
  }

  /** Returns the webhooks that another session has locked. */
  async #keepLeases(records: readonly AttemptRecord[]): Promise<ReadonlySet<string>> {
    // One per webhook: if there are two results of one webhook, the later attempt has the lease.
    const last = [
      ...new Map(records.map((record) => [record.webhook.webhookId, record.webhook])).values(),
    ];
    const rows = await runSql<{ webhook_id: string }>(this.#options.pool, keepLeasesSql, {
      webhookIds: last.map(({ webhookId }) => webhookId),
      numbers: last.map(({ number }) => number),
      workerNumbers: last.map(({ leasedBy }) => leasedBy),
    });
    return new Set(rows.map((row) => row.webhook_id));
  }

  #takePutOff(): readonly AttemptRecord[] {
    const records = this.#putOff.items;
    for (const record of records) this.#putOff.delete(keyOf(record));
    return records;
  }

  /** Closes earlier attempts whose lease ran out. Part of the record, so that it is tried again when Postgres is away. */
  async #closeAbandoned(batch: readonly AttemptRecord[]): Promise<void> {
    const repeated = batch.filter(({ webhook }) => webhook.uncounted > 0);
    if (repeated.length === 0) return;
    await runSql(this.#options.pool, closeAbandonedSql, {
      webhookIds: repeated.map(({ webhook }) => webhook.webhookId),
      numbers: repeated.map(({ webhook }) => webhook.number),
    });
  }

  async #isolate(batch: readonly AttemptRecord[], message: string): Promise<void> {
    const [only, ...others] = batch;
    if (only === undefined) return;
    if (others.length > 0) {
      const half = Math.ceil(batch.length / 2);
      await this.#write(batch.slice(0, half));
      await this.#write(batch.slice(half));
    } else if (only.withoutAnswer !== true) {
      this.#options.log.error(
        { webhookId: only.webhook.webhookId, error: message },
        'Cannot record the answer of a receiver: recording the attempt without it',
      );
      await this.#write([{ ...only, withoutAnswer: true }]);
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

const isInOrder = (record: AttemptRecord) => record.isInOrder === true;
const laneOf = ({ webhook }: AttemptRecord) => webhook.lane;
const keyOf = ({ webhook }: AttemptRecord) => `${webhook.webhookId}:${webhook.number}`;

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
