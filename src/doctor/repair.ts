import type pg from 'pg';
import { connect } from '../db/connect.ts';

/** What a repair has done. */
export interface Repaired {
  /** Webhooks that were in the outbox and had never been enqueued; they are now. */
  readonly webhooks: readonly string[];
  /** Lanes whose rules were not what the settings of their endpoints said. */
  readonly lanes: readonly string[];
}

const walkRows = 50_000;
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/**
 * Does what triggers would have done that did not fire: enqueues what is in the outbox alone, and makes the rules of lanes from
 * the settings of their endpoints. Looks at the whole history, in statements of {@link walkRows} webhooks.
 *
 * @throws when the database cannot be reached, or the role has not the rights of a worker.
 */
export async function repair(databaseUrl: string): Promise<Repaired> {
  const client = await connect(databaseUrl, { application_name: 'posthorn doctor' });
  try {
    // The rules first: what is enqueued is claimed by them.
    const { rows } = await client.query<{ lane: string }>(
      'select lane::text from posthorn.repair_lane_rules() as lane',
    );
    return { lanes: rows.map(({ lane }) => lane), webhooks: await enqueueMissed(client) };
  } finally {
    await client.end();
  }
}

async function enqueueMissed(client: pg.Client): Promise<string[]> {
  const enqueued: string[] = [];
  for (let before: string | null = lastId; before !== null; ) {
    const found: pg.QueryResult<{ webhook_ids: string[]; walked_to: string | null }> =
      await client.query('select webhook_ids, walked_to from posthorn.missed($1, $2)', [
        before,
        walkRows,
      ]);
    const [page] = found.rows;
    before = page?.walked_to ?? null;
    if (page === undefined || page.webhook_ids.length === 0) continue;
    const { rows } = await client.query<{ id: string }>(
      'select id from posthorn.enqueue_missed($1::uuid[]) as id',
      [page.webhook_ids],
    );
    enqueued.push(...rows.map(({ id }) => id));
  }
  return enqueued;
}
