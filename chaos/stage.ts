import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { LineProxy } from '../harness/line-proxy.ts';
import type { Random } from '../harness/random.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { ChaosPostgres } from './postgres.ts';
import type { Mood } from './traffic.ts';
import type { Death, Rescue, WorkerSlot } from './workers.ts';

/** Something that was done to the run. */
export interface FaultNote {
  readonly atMs: number;
  readonly what: string;
}

interface StageParts {
  readonly random: Random;
  readonly repeats: number;
  /** Committed at least. */
  readonly webhooks: number;
  readonly postgres: ChaosPostgres;
  readonly workers: readonly WorkerSlot[];
  /** The first of them, which no fault of the process itself hits. */
  readonly sheltered: number;
  /** One before Postgres for each worker. */
  readonly postgresProxies: readonly LineProxy[];
  readonly receiverProxy: LineProxy;
  readonly redis: RedisServer | undefined;
  readonly redisProxy: LineProxy | undefined;
  /** From now on the receiver answers like this. */
  readonly setMood: (mood: Mood) => Promise<unknown>;
  readonly signal: AbortSignal;
  readonly onFault: (what: string) => void;
  /** performance.now() when a soak is over. */
  readonly untilMs: number | undefined;
}

/** What a scenario acts on, and the notes it takes. */
export class Stage {
  readonly parts: StageParts;
  readonly faults: FaultNote[] = [];
  readonly deaths: Death[] = [];
  /** Numbers whose leases others freed, or that others took over, as the workers said. */
  get rescues(): readonly Rescue[] {
    return this.parts.workers.flatMap((slot) => slot.rescues);
  }

  /** From when to when the load ran; Date.now(). */
  loadMs: { readonly from: number; readonly to: number } | undefined;
  /** So long processes waited for CPU at most, as the supervisor and the receiver saw it. */
  lagMs = 0;
  /** When Postgres took connections again, after each time it was away; Date.now(). */
  readonly backMs: number[] = [];
  /** What went otherwise than it must, seen by the scenario itself. */
  readonly violations: string[] = [];
  /** Figures of the scenario itself. */
  readonly figures: Record<string, number | string> = {};

  constructor(parts: StageParts) {
    this.parts = parts;
  }

  get random(): Random {
    return this.parts.random;
  }

  note(what: string): void {
    this.faults.push({ atMs: Date.now(), what });
    this.parts.onFault(what);
  }

  /** @throws when the run is to end. */
  async wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.parts.signal });
  }

  async waitBetween(fromMs: number, toMs: number): Promise<void> {
    await this.wait(this.random.between(fromMs, toMs));
  }

  /** The workers that run and claim, but the sheltered ones. */
  able(): WorkerSlot[] {
    return this.parts.workers
      .slice(this.parts.sheltered)
      .filter((slot) => slot.isRunning && slot.number !== undefined);
  }

  /** One of them, as soon as there is one. */
  async anyWorker(): Promise<WorkerSlot> {
    for (;;) {
      const able = this.able();
      if (able.length > 0) return this.random.pick(able);
      await this.wait(50);
    }
  }

  /** A connection of the supervisor's own, straight to Postgres. */
  async withClient<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({
      connectionString: this.parts.postgres.url,
      application_name: 'chaos supervisor',
      connectionTimeoutMillis: 10_000,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return await work(client);
    } finally {
      await client.end().catch(() => {});
    }
  }
}
