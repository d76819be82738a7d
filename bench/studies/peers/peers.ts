// Pure: no I/O, no clock, no randomness.

/*
 * What people use today for the same job, and how each is tuned.
 *
 * All of them record what Posthorn records (tables.ts) by the same code (rows.ts) and send by the same (sender.ts), so
 * that they differ in how a webhook gets from the producer to the worker and how its end is noted in the queue.
 */

export const peerNames = ['bullmq', 'pg-boss', 'graphile-worker'] as const;
export type PeerName = (typeof peerNames)[number];

/**
 * How a peer writes its rows. `steps`: each step by a statement, six round trips and two commits a webhook, as code is
 * mostly written. `one`: one statement before its request and one after it. `batch`: what has gathered while the
 * statements before are under way, in one.
 */
export const rowsBy = ['steps', 'one', 'batch'] as const;
export type RowsBy = (typeof rowsBy)[number];

/**
 * What a peer's worker is tuned for: many at once, or each one soon. Posthorn has one configuration for both; a peer may
 * have the better of two.
 */
export type TunedFor = 'drain' | 'latency';

/** What a peer's processes need to know. Sent to them, so plain data. */
export interface PeerSite {
  readonly databaseUrl: string;
  /** Of the peer that has one. */
  readonly redisUrl: string | undefined;
  readonly rows: RowsBy;
  readonly tunedFor: TunedFor;
}

export interface Peer {
  readonly label: string;
  /**
   * Unless the command line says otherwise. Each job by itself, as the documentation of BullMQ and pg-boss shows jobs; in
   * batches with Graphile Worker, where the question is what is left when only the queue differs from Posthorn's.
   */
  readonly rows: RowsBy;
  readonly needsRedis: boolean;
  /** Counts the jobs that its queue still holds, where that is in Postgres. */
  readonly jobsLeftSql: string | undefined;
}

export const peers: Readonly<Record<PeerName, Peer>> = {
  bullmq: { label: 'BullMQ', rows: 'one', needsRedis: true, jobsLeftSql: undefined },
  'pg-boss': {
    label: 'pg-boss',
    rows: 'one',
    needsRedis: false,
    jobsLeftSql: `select count(*)::integer as jobs from pgboss.job where name = 'webhooks' and state <> 'completed'`,
  },
  'graphile-worker': {
    label: 'graphile job',
    rows: 'batch',
    needsRedis: false,
    jobsLeftSql: 'select count(*)::integer as jobs from graphile_worker._private_jobs',
  },
};

/** The queue, topic or task of all peers. */
export const queueName = 'webhooks';

/** As Posthorn: the first and five retries. None is tried again here, because the receiver answers 200. */
export const maxAttempts = 6;

/** How many webhooks a drain has, unless the command line says otherwise: enough for some seconds, as Posthorn's lasts. */
export const drainedWebhooks: Readonly<Record<RowsBy, number>> = {
  steps: 5_000,
  one: 5_000,
  batch: 20_000,
};
