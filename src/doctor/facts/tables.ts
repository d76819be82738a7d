import { z } from 'zod';
import type { Look } from '../look.ts';

const unloggedRow = z.object({ name: z.string() });
const triggerRow = z.object({ table: z.string(), name: z.string(), is_enabled: z.boolean() });

/** The state of the tables, apart from their rows. */
export interface TableFacts {
  readonly unlogged: readonly string[];
  readonly triggers: readonly z.infer<typeof triggerRow>[];
}

const triggers = [
  ['outbox', 'outbox_to_queue'],
  ['endpoints', 'endpoint_changes'],
  ['endpoints', 'endpoint_to_lane_rule_on_insert'],
  ['endpoints', 'endpoint_to_lane_rule_on_update'],
  ['endpoints', 'endpoint_to_lane_rule_on_delete'],
  ['endpoints', 'endpoint_to_subscriptions'],
  ['subscriptions', 'subscription_changes'],
  ['tenants', 'tenant_to_lane_rule_on_insert'],
  ['tenants', 'tenant_to_lane_rule_on_update'],
  ['tenants', 'tenant_to_lane_rule_on_delete'],
] as const;

export async function readTables(look: Look): Promise<TableFacts> {
  const unlogged = await look.all(
    unloggedRow,
    `select relname::text as name
     from pg_class
     where relnamespace = to_regnamespace('posthorn')
       and relkind in ('r', 'p')
       and relpersistence = 'u'
     order by relname`,
  );
  return {
    unlogged: unlogged.map(({ name }) => name),
    triggers: await look.all(
      triggerRow,
      `select
         expected.table_name as table,
         expected.name,
         coalesce(t.tgenabled in ('O', 'A'), false) as is_enabled
       from unnest($1::text[], $2::text[]) as expected (table_name, name)
       left join pg_trigger as t
         on t.tgrelid = to_regclass('posthorn.' || expected.table_name)
         and t.tgname = expected.name`,
      [triggers.map(([table]) => table), triggers.map(([, name]) => name)],
    ),
  };
}
