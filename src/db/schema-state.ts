import { readdirSync } from 'node:fs';
import type pg from 'pg';
import { graphileMigration, graphileSchema } from './names.ts';

/** How far the schema is. */
export interface SchemaState {
  /** Migrations of this version that have not been applied, in order. */
  readonly pending: readonly string[];
  /** Applied ones that this version does not know: a newer version was here. */
  readonly unknown: readonly string[];
  readonly applied: number;
  /** The last of Graphile Worker's own migrations; 0 for none. */
  readonly graphile: number;
  /** Whom the schema belongs to; undefined when there is none. */
  readonly owner: string | undefined;
  /** Who we are, and whether we may act as the owner. */
  readonly user: string;
}

export const migrationsFolder = new URL('../../migrations/', import.meta.url);

/** Whether there is nothing to migrate. */
export function isUpToDate({ pending, graphile }: SchemaState): boolean {
  return pending.length === 0 && graphile >= graphileMigration;
}

/**
 * Reads how far the schema is; changes nothing.
 *
 * @throws when the role may not read the list of migrations (42501).
 */
export async function schemaState(client: pg.ClientBase): Promise<SchemaState> {
  const { rows } = await client.query<{
    user: string;
    owner: string | null;
    hasList: boolean;
    hasGraphile: boolean;
  }>(
    `select
       current_user::text as "user",
       (select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = 'posthorn') as owner,
       exists (
         select from pg_class
         where relname = 'migrations' and relnamespace = to_regnamespace('posthorn')) as "hasList",
       exists (
         select from pg_class
         where relname = 'migrations' and relnamespace = to_regnamespace('${graphileSchema}')) as "hasGraphile"`,
  );
  const { user = '', owner = null, hasList = false, hasGraphile = false } = rows[0] ?? {};
  const applied = hasList ? await appliedMigrations(client) : [];
  const ours = ownMigrations();
  return {
    pending: ours.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !ours.includes(name)),
    applied: applied.length,
    graphile: hasGraphile ? await lastOfGraphile(client) : 0,
    owner: owner ?? undefined,
    user,
  };
}

function ownMigrations(): string[] {
  return readdirSync(migrationsFolder)
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .sort();
}

async function appliedMigrations(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'select name from posthorn.migrations order by id',
  );
  return rows.map(({ name }) => name);
}

async function lastOfGraphile(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ last: number }>(
    `select coalesce(max(id), 0) as last from ${graphileSchema}.migrations`,
  );
  return rows[0]?.last ?? 0;
}
