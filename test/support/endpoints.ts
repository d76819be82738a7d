import type { TestDatabase } from './database.ts';

/** Settings of posthorn.endpoints, by column. */
export type EndpointSettings = Readonly<
  Record<string, string | number | boolean | number[] | null>
>;

/** A registered endpoint. */
export interface TestEndpoint {
  readonly id: string;
  /** Enqueues so many webhooks to it, in one statement; their bodies are 1, 2, 3 … */
  enqueue(count: number, options?: { priority?: string }): Promise<void>;
  set(settings: EndpointSettings): Promise<void>;
  /** Its row, and whose its lane is. */
  row(): Promise<Record<string, unknown>>;
}

export async function registerEndpoint(
  { pool }: TestDatabase,
  settings: EndpointSettings,
): Promise<TestEndpoint> {
  const columns = Object.keys(settings);
  const { rows } = await pool.query<{ id: string }>(
    `insert into posthorn.endpoints (${columns.join(', ')})
     values (${columns.map((_, at) => `$${at + 1}`).join(', ')})
     returning id`,
    Object.values(settings),
  );
  const id = rows[0]?.id ?? '';
  let enqueued = 0;
  return {
    id,
    async enqueue(count, { priority = 'normal' } = {}) {
      await pool.query(
        `insert into posthorn.outbox (endpoint_id, body, priority)
         select $1, n::text, $2 from generate_series($3::integer, $4::integer) as n`,
        [id, priority, enqueued + 1, enqueued + count],
      );
      enqueued += count;
    },
    async set(changes) {
      await pool.query(
        `update posthorn.endpoints
         set ${Object.keys(changes)
           .map((column, at) => `${column} = $${at + 2}`)
           .join(', ')}
         where id = $1`,
        [id, ...Object.values(changes)],
      );
    },
    async row() {
      const found = await pool.query(
        `select e.*, r.owner, r.is_held, r.retry_at
         from posthorn.endpoints as e
         left join posthorn.lane_rules as r using (lane)
         where e.id = $1`,
        [id],
      );
      return found.rows[0];
    },
  };
}
