import type { Pool } from 'pg';
import { isLockFailure, withLockTimeout } from '../db/transaction.ts';
import type { Events } from '../events.ts';

/** One blip followed by silence is not enough: there must have been this many failures in a row. */
const minFailures = 20;
/**
 * The breakers that speak for an endpoint: its own; and that of its origin, if that is open and something waits for the
 * endpoint. An origin opens only if several of its lanes got no answer.
 */
const speaksFor = `(
  b.key = e.lane
  or (
    b.key = e.origin
    and b.state = 'open'
    and exists (select from posthorn.queue as q where q.priority < 1000 and q.lane = e.lane)
  )
)`;

/**
 * Disables the registered endpoints that have had no success for `disableAfterMs`. Their waiting webhooks are held, not
 * failed, and continue in order when the endpoint is enabled again. Returns their ids.
 */
export async function disableFailing(
  pool: Pool,
  { disableAfterMs, events }: { disableAfterMs: number; events: Events },
): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select distinct e.id
     from posthorn.breakers as b
     join posthorn.endpoints as e on e.lane = b.key or e.origin = b.key
     where ${speaksFor}
       and b.consecutive >= $1
       and b.failing_since <= now() - $2::float8 * interval '1 millisecond'
       and e.status = 'active'`,
    [minFailures, disableAfterMs],
  );
  const ids: string[] = [];
  // One at a time: a trigger writes the rules of the lanes, and in one statement for many it would not do so in their
  // order. A lane that another session has locked is left to the next run, so that the others do not wait for it.
  for (const { id } of rows) {
    const isDisabled = await disable(pool, { id, disableAfterMs }).catch((error: unknown) => {
      if (isLockFailure(error)) return false;
      throw error;
    });
    if (isDisabled) ids.push(id);
  }
  if (ids.length > 0) events.emit('endpointsDisabled', { ids, reason: 'failing' });
  return ids;
}

function disable(
  pool: Pool,
  { id, disableAfterMs }: { id: string; disableAfterMs: number },
): Promise<boolean> {
  return withLockTimeout(
    pool,
    async (client) => {
      const { rowCount } = await client.query(
        `update posthorn.endpoints as e
         set status = 'disabled', status_reason = 'failing'
         from posthorn.breakers as b
         where e.id = $1
           and ${speaksFor}
           and b.consecutive >= $2
           and b.failing_since <= now() - $3::float8 * interval '1 millisecond'
           and e.status = 'active'`,
        [id, minFailures, disableAfterMs],
      );
      return rowCount === 1;
    },
    { tries: 1 },
  );
}
