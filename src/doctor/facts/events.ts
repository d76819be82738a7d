import { z } from 'zod';
import type { Look } from '../look.ts';

const strayRow = z.object({ id: z.string() });

/** Finds subscriptions that differ from their endpoint, or whose endpoint is gone. */
export async function readStrays(look: Look): Promise<string[]> {
  const rows = await look.all(
    strayRow,
    'select id from posthorn.stray_subscriptions order by id limit 1000',
  );
  return rows.map(({ id }) => id);
}

const fanOutRow = z.object({ event_id: z.string(), still_s: z.number() });

/** An event whose webhooks a job adds, and how long ago a worker last did. */
export type FanOut = z.infer<typeof fanOutRow>;

/** Reads the fan-outs, that which has stood still longest first. */
export function readFanOuts(look: Look): Promise<FanOut[]> {
  return look.all(
    fanOutRow,
    `select event_id, extract(epoch from clock_timestamp() - greatest(moved_at, published_at))::float8 as still_s
     from posthorn.fan_outs
     order by greatest(moved_at, published_at)
     limit 1000`,
  );
}

const catchUpRow = z.object({
  endpoint_id: z.string(),
  /** Null: the endpoint waits for a catch-up that does not exist. */
  running_s: z.number().nullable(),
  still_s: z.number().nullable(),
  is_disabled: z.boolean(),
});

/** An endpoint that catches up: for how long, and how long ago a worker last worked on it. */
export type CatchUp = z.infer<typeof catchUpRow>;

/** Reads the catch-ups that run, and the endpoints that wait for one. */
export function readCatchUps(look: Look): Promise<CatchUp[]> {
  return look.all(
    catchUpRow,
    `select
       e.id as endpoint_id,
       extract(epoch from clock_timestamp() - c.created_at)::float8 as running_s,
       extract(epoch from clock_timestamp() - greatest(c.moved_at, c.paced_until, c.created_at))::float8 as still_s,
       e.status = 'disabled' as is_disabled
     from posthorn.redacted_endpoints as e
     left join posthorn.catch_ups as c on c.endpoint_id = e.id and c.status = 'running'
     where e.catching_up or c.id is not null
     order by c.created_at nulls first, e.id
     limit 1000`,
  );
}
