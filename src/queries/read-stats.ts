import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

const count = z.number();

/** What posthorn.take_stats() counted; sql/functions/take_stats.sql says what each figure is. */
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
  workers: z.object({ alive: count, dead: count }),
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

/** How Posthorn is; counted `age_s` ago, which took `took_ms`. */
export type Stats = z.infer<typeof figures> & { readonly age_s: number; readonly took_ms: number };

/**
 * Reads how Posthorn is. All processes share one count, which is made anew when it is older than 15 s, by whoever asks
 * first: see sql/functions/take_stats.sql. Undefined as long as there has not been any.
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
