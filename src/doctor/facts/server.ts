import { z } from 'zod';
import type { Look } from '../look.ts';

const serverRow = z.object({
  version_number: z.int(),
  version: z.string(),
  role: z.string(),
  database: z.string(),
  is_superuser: z.boolean(),
  is_in_recovery: z.boolean(),
  can_see_all: z.boolean(),
  settings: z.record(z.string(), z.string()),
  /** The sources of the values, as in pg_settings. */
  sources: z.record(z.string(), z.string()),
});

/** The server, our role, and the settings of our session. */
export type ServerFacts = z.infer<typeof serverRow>;

const names = [
  'fsync',
  'full_page_writes',
  'synchronous_commit',
  'synchronous_standby_names',
  'default_transaction_read_only',
  'session_replication_role',
  'autovacuum',
  'track_counts',
  'autovacuum_vacuum_threshold',
  'autovacuum_vacuum_scale_factor',
  'max_connections',
  'superuser_reserved_connections',
  'reserved_connections',
  'max_slot_wal_keep_size',
  'server_encoding',
  'log_error_verbosity',
  'log_min_error_statement',
  'log_statement',
  'log_min_duration_statement',
  'log_parameter_max_length_on_error',
];

export function readServer(look: Look): Promise<ServerFacts> {
  return look.one(
    serverRow,
    `select
       current_setting('server_version_num')::integer as version_number,
       split_part(current_setting('server_version'), ' ', 1) as version,
       current_user::text as role,
       current_database()::text as database,
       (select rolsuper from pg_roles where rolname = current_user) as is_superuser,
       pg_is_in_recovery() as is_in_recovery,
       pg_has_role(current_user, 'pg_read_all_stats', 'usage') as can_see_all,
       (select json_object_agg(name, setting) from pg_settings where name = any ($1)) as settings,
       (select json_object_agg(name, source) from pg_settings where name = any ($1)) as sources`,
    [names],
  );
}

const overrideRow = z.object({
  role: z.string().nullable(),
  database: z.string().nullable(),
  name: z.string(),
  value: z.string(),
});

/** A setting of a role, of a database, or of a role in a database, which overrides the server's. */
export type Override = z.infer<typeof overrideRow>;

/** Reads the overrides for this database and for all databases. */
export function readOverrides(look: Look): Promise<Override[]> {
  return look.all(
    overrideRow,
    `select
       r.rolname::text as role,
       d.datname::text as database,
       split_part(setting, '=', 1) as name,
       substr(setting, strpos(setting, '=') + 1) as value
     from pg_db_role_setting as s
     cross join lateral unnest(s.setconfig) as setting
     left join pg_roles as r on r.oid = s.setrole
     left join pg_database as d on d.oid = s.setdatabase
     where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
       and split_part(setting, '=', 1) = any ($1)
     order by 1, 2, 3`,
    [names],
  );
}
