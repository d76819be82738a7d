/** Names that Posthorn's processes share in the database; the functions in sql/functions use the same. */

/**
 * First key of all advisory locks ("post" in ASCII). The second: a worker's number, from 1, or one of those below. SQL writes them
 * as numbers; test/sql/same-lists.test.ts compares.
 */
export const lockClass = 0x706f7374;

/** The partitions of a day are made or dropped, and rows are moved between them. */
export const partitionsLock = 0;

/** One transaction at a time notifies the workers of what producers enqueued. */
export const wakeLock = -1;

/** One process at a time migrates. */
export const migrationLock = -2;

/** One process at a time evaluates the alert rules. */
export const alertLock = -3;

/** While a webhook is put back or taken back, its day is not dropped. */
export const putBackLock = -4;

/** One process at a time seals the secrets of endpoints. */
export const sealingLock = -5;

/** The channel of wake-ups. The payload is empty, {@link scanPayload}, or one of the three below with a lane or an origin. */
export const wakeChannel = 'posthorn_wake';

/** Webhooks were put back that were due long ago: look at all lanes, not only at new webhooks. */
export const scanPayload = 'scan';

/** The lane after the colon is sent to again: its breaker is closed, or its endpoint was resumed or enabled. */
export const closedPayload = 'closed:';

/** The origin after the colon answers again: its breaker is closed. */
export const originPayload = 'origin:';

/** The limits or the hold of the lane after the colon have changed. */
export const rulesPayload = 'rules:';

/**
 * The schema of Graphile Worker's tables. It is not the default one: a database may already have another Graphile
 * Worker, of another version, and migrating its schema would stop its workers.
 */
export const graphileSchema = 'posthorn_graphile';

/** The last migration of the graphile-worker in package.json. A test compares the two. */
export const graphileMigration = 20;

/** The tables that are partitioned by day. */
export const partitioned = ['outbox', 'attempts', 'outcomes'] as const;

/** The name of a day's partition. The day is yyyy-mm-dd. */
export function partitionOf(table: (typeof partitioned)[number], day: string): string {
  return `${table}_${day.replaceAll('-', '')}`;
}
