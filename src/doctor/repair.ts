import type pg from 'pg';
import { connect } from '../db/connect.ts';

/** The result of a repair. */
export interface Repaired {
  /** Webhooks and events in the outbox that had never been enqueued, and now are. */
  readonly webhooks: readonly string[];
  /** Lanes whose rules did not match the settings of their endpoints. */
  readonly lanes: readonly string[];
  /** Subscriptions that did not agree with their endpoints. */
  readonly subscriptions: readonly string[];
}

const walkRows = 50_000;
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/**
 * Does the work of triggers that did not fire: it enqueues webhooks that are only in the outbox, and rebuilds the rules
 * of lanes and the subscriptions from the settings of their endpoints. It searches the whole history, in statements of {@link walkRows}
 * webhooks.
 *
 * @throws when the database cannot be reached, or the role lacks the rights of a worker.
 */
export async function repair(databaseUrl: string): Promise<Repaired> {
  const client = await connect(databaseUrl, { application_name: 'posthorn doctor' });
  try {
    // Rules first, because they apply to the webhooks that are enqueued next.
    const { rows } = await client.query<{ lane: string }>(
      'select lane::text from posthorn.repair_lane_rules() as lane',
    );
    const strays = await client.query<{ id: string }>(
      'select id from posthorn.repair_subscriptions() as id',
    );
    return {
      lanes: rows.map(({ lane }) => lane),
      subscriptions: strays.rows.map(({ id }) => id),
      webhooks: await enqueueMissed(client),
    };
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
