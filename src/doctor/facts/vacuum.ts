import { z } from 'zod';
import { graphileSchema } from '../../db/names.ts';
import type { Look } from '../look.ts';

const offRow = z.object({ name: z.string() });
const hotRow = z.object({
  name: z.string(),
  options: z.array(z.string()),
  live: z.number(),
  dead: z.number(),
  /** Null: never, or not since the statistics were reset. */
  vacuumed_s: z.number().nullable(),
});

/** A table whose rows change all day. */
export type HotTable = z.infer<typeof hotRow>;

export interface VacuumFacts {
  /** Tables with autovacuum off. */
  readonly off: readonly string[];
  readonly hot: readonly HotTable[];
}

export async function readVacuum(look: Look): Promise<VacuumFacts> {
  const off = await look.all(
    offRow,
    `select c.oid::regclass::text as name
     from pg_class as c
     left join pg_class as t on t.oid = c.reltoastrelid
     where c.relnamespace in (to_regnamespace('posthorn'), to_regnamespace('${graphileSchema}'))
       and c.relkind = 'r'
       and exists (
         select
         from unnest(c.reloptions || t.reloptions) as option
         where split_part(option, '=', 1) = 'autovacuum_enabled'
           and not split_part(option, '=', 2)::boolean)
     order by 1`,
  );
  return {
    off: off.map(({ name }) => name),
    hot: await look.all(
      hotRow,
      `select
         c.oid::regclass::text as name,
         coalesce(c.reloptions, '{}') as options,
         coalesce(s.n_live_tup, 0)::float8 as live,
         coalesce(s.n_dead_tup, 0)::float8 as dead,
         extract(epoch from clock_timestamp() - greatest(s.last_vacuum, s.last_autovacuum))::float8 as vacuumed_s
       from unnest(array[
         'posthorn.queue',
         'posthorn.attempts_' || to_char(now() at time zone 'UTC', 'YYYYMMDD'),
         'posthorn.breakers',
         'posthorn.lane_rules',
         'posthorn.idempotency_keys',
         'posthorn.workers',
         '${graphileSchema}._private_jobs']) with ordinality as hot (name, at)
       join pg_class as c on c.oid = to_regclass(hot.name)
       left join pg_stat_all_tables as s on s.relid = c.oid
       order by hot.at`,
    ),
  };
}
