import type { Pool } from 'pg';
import { deleteAll, deleteOlder } from './delete-rows.ts';

/* What pruning deletes of events: what explains or adds webhooks of events that are gone. */

/**
 * They are kept while the history has events that they explain, and one day longer, because history is dropped by days.
 */
export function pruneSubscriptions(pool: Pool, retentionMs: number): Promise<number> {
  return deleteOlder(
    pool,
    retentionMs,
    `delete from posthorn.subscriptions
     where ended_at < now() - $1::float8 * interval '1 millisecond' - interval '1 day'`,
  );
}

export function pruneCatchUps(pool: Pool, retentionMs: number): Promise<number> {
  return deleteOlder(
    pool,
    retentionMs,
    `delete from posthorn.catch_ups where finished_at < now() - $1::float8 * interval '1 millisecond'`,
  );
}

/** drop_partitions() deletes most of them with their days. Later ones are of events that came with an old id. */
export function pruneUnmatched(pool: Pool): Promise<number> {
  return deleteAll(
    pool,
    `with dropped as materialized (
       select u.event_id
       from posthorn.unmatched_events as u
       where u.event_id < (select posthorn.history_floor())
         and not exists (select from posthorn.outbox as o where o.id = u.event_id)
       order by u.event_id
       limit $1
     )
     delete from posthorn.unmatched_events
     where event_id = any (array(select event_id from dropped))`,
  );
}
