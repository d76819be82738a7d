import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

const count = z.number();

/** The figures that posthorn.take_stats() counts; sql/functions/take_stats.sql explains each of them. */
export const figures = z.object({
  queue: z.array(
    z.object({
      priority: z.union([z.literal(0), z.literal(1), z.literal(2)]),
      state: z.enum(['due', 'held', 'retry', 'scheduled', 'sending']),
      webhooks: count,
      oldest_due_s: z.number().nullable(),
    }),
  ),
  is_estimated: z.boolean(),
  lanes: z.object({
    failing: count,
    open: count,
    probing: count,
    throttled: count,
    held: count,
  }),
  origins: z.object({ failing: count, open: count, probing: count }),
  workers: z.object({ alive: count, dead: count }),
  events: z.object({ fan_outs: count, oldest_fan_out_s: z.number(), catch_ups: count }),
  partitions_ahead: count,
  partitions_overdue: z.object({ unfinished: count, locked: count }),
  oldest_transaction_s: z.number(),
  tasks: z.record(z.string(), z.object({ ended_at: z.number(), duration_s: z.number() })),
});

const row = z.object({
  age_s: z.number(),
  took_ms: z.number(),
  figures,
});

/** The current figures; counted `age_s` ago, which took `took_ms`. */
export type Stats = z.infer<typeof figures> & { readonly age_s: number; readonly took_ms: number };

/**
 * Reads the current figures. All processes share one count; the first process that asks when it is older than 15 s
 * counts again: see sql/functions/take_stats.sql. Undefined until the first count.
 */
export async function readStats(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
): Promise<Stats | undefined> {
  const taken = await connection.maybeOne(sql.type(row)`
    select
      extract(epoch from clock_timestamp() - taken_at)::float8 as age_s,
      took_ms::float8,
      figures
    from posthorn.take_stats()
    where figures is not null`);
  if (taken === null) return undefined;
  return { ...taken.figures, age_s: taken.age_s, took_ms: taken.took_ms };
}
