import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { clockMs } from './clock.ts';

/** When each webhook's insert was due and when its commit was known, clockMs(). */
export type ProducerResult = Map<string, { readonly sentMs: number; readonly committedMs: number }>;

interface Plan {
  readonly perSecond: number;
  readonly webhooks: number;
  /** Inserts a webhook, commits, and returns its id. */
  insert(client: pg.PoolClient, sequence: number): Promise<string>;
  /** What follows a commit. */
  afterCommit?(id: string): Promise<void>;
  /**
   * Transactions that could only begin so long after the last was due are left out: then the rate is not held, and how
   * far it is behind is known. Default: 10 s.
   */
  readonly patienceMs?: number;
}

/** Connections of a producer. */
export const producerConnections = 10;

/**
 * A webhook per transaction at a fixed rate, whatever the database does (open loop), so that a slow commit does not hide
 * the wait behind it. The pool's limit is {@link producerConnections}, without a time to wait for one.
 *
 * @throws what the first that failed threw, when all have been begun.
 */
export async function insertAtRate(pool: pg.Pool, plan: Plan): Promise<ProducerResult> {
  const { perSecond, webhooks, patienceMs = 10_000 } = plan;
  const result: ProducerResult = new Map();
  await openAll(pool);
  const startedMs = clockMs();
  const lastMs = startedMs + (webhooks / perSecond) * 1_000 + patienceMs;
  const produce = async (sequence: number) => {
    const sentMs = clockMs();
    const client = await pool.connect();
    let id: string;
    try {
      if (clockMs() > lastMs) return;
      id = await plan.insert(client, sequence);
      result.set(id, { sentMs, committedMs: clockMs() });
    } finally {
      client.release();
    }
    await plan.afterCommit?.(id);
  };
  const running: Promise<void>[] = [];
  while (running.length < webhooks) {
    const dueMs = startedMs + (running.length * 1_000) / perSecond;
    const waitMs = dueMs - clockMs();
    if (waitMs > 0) await sleep(waitMs);
    const work = produce(running.length);
    // Awaited at the end; a failure before that must not end the process.
    work.catch(() => {});
    running.push(work);
  }
  await Promise.all(running);
  return result;
}

/** No connection is opened while it counts. */
async function openAll(pool: pg.Pool): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: producerConnections }, () => pool.connect()),
  );
  for (const client of clients) client.release();
}
