import type { TestDatabase } from './database.ts';

/** How webhooks are to have ended; `to` is a URL or the id of a registered endpoint. */
interface Ending {
  readonly to: string;
  readonly count: number;
  readonly status?: 'failed' | 'cancelled' | 'delivered';
  /** Each of them has a row. */
  readonly attempts?: number;
  readonly priority?: string;
}

/** Webhooks that have ended, without anything having been sent; their ids in order. Their bodies are 1, 2, 3 … */
export async function endedWebhooks({ pool }: TestDatabase, ending: Ending): Promise<string[]> {
  const { to, count, status = 'failed', attempts = 1, priority = 'normal' } = ending;
  const column = to.includes(':') ? 'url' : 'endpoint_id';
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ id: string }>(
      `insert into posthorn.outbox (${column}, body, priority)
       select $1, n::text, $3 from generate_series(1, $2::integer) as n
       returning id`,
      [to, count, priority],
    );
    const ids = rows.map(({ id }) => id);
    await client.query(
      `with ended as (
         delete from posthorn.queue where webhook_id = any ($1::uuid[]) returning webhook_id, outbox_id, lane
       ), tried as (
         insert into posthorn.attempts (webhook_id, number, worker, finished_at, duration_ms, status_code, error)
         select e.webhook_id, n, 1, now(), 1, 503, 'http_503'
         from ended as e
         cross join generate_series(1, $3::integer) as n
       )
       insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, last_status_code, reason)
       select webhook_id, outbox_id, lane, $2, $3::integer, case when $3::integer > 0 then 503 end, 'http_503'
       from ended`,
      [ids, status, attempts],
    );
    await client.query('commit');
    return ids.toSorted();
  } finally {
    client.release();
  }
}

/** Starts a replay of what goes to a URL, or as the columns say; its id. */
export async function startReplay(
  { pool }: TestDatabase,
  columns: Readonly<Record<string, unknown>>,
): Promise<string> {
  const names = Object.keys(columns);
  const { rows } = await pool.query<{ id: string }>(
    `insert into posthorn.replays (${names.join(', ')})
     values (${names.map((_, at) => `$${at + 1}`).join(', ')})
     returning id`,
    Object.values(columns),
  );
  return rows[0]?.id ?? '';
}
