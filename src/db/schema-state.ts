import { readdirSync } from 'node:fs';
import type pg from 'pg';
import { version } from '../version.ts';
import { ownDefinitions } from './definitions.ts';
import { graphileMigration, graphileSchema } from './names.ts';
import { isLater } from './version-order.ts';

/** The state of the schema. */
export interface SchemaState {
  /** Migrations of this version that have not been applied, in order. */
  readonly pending: readonly string[];
  /** Applied migrations that this version does not know: a newer version was here. */
  readonly unknown: readonly string[];
  readonly applied: number;
  /**
   * Functions and views that are missing or differ from this version's. Empty when a newer version was here: its
   * definitions stay.
   */
  readonly outdated: readonly string[];
  /** The latest version whose definitions are in force, if it is later than this one. */
  readonly newer: string | undefined;
  /** The last of Graphile Worker's own migrations; 0 for none. */
  readonly graphile: number;
  /** The owner of the schema; undefined: there is no schema. */
  readonly owner: string | undefined;
  /** The current role, and whether it may act as the owner. */
  readonly user: string;
}

export const migrationsFolder = new URL('../../migrations/', import.meta.url);

/** Whether there is nothing to migrate. */
export function isUpToDate({ pending, outdated, graphile }: SchemaState): boolean {
  return pending.length === 0 && outdated.length === 0 && graphile >= graphileMigration;
}

/**
 * Reads the state of the schema; changes nothing.
 *
 * @throws when the role may not read the lists of migrations and definitions (42501).
 */
export async function schemaState(client: pg.ClientBase): Promise<SchemaState> {
  const { rows } = await client.query<{
    user: string;
    owner: string | null;
    hasList: boolean;
    hasDefinitions: boolean;
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
         where relname = 'definitions' and relnamespace = to_regnamespace('posthorn')) as "hasDefinitions",
       exists (
         select from pg_class
         where relname = 'migrations' and relnamespace = to_regnamespace('${graphileSchema}')) as "hasGraphile"`,
  );
  const { user = '', owner = null, hasList = false, hasGraphile = false } = rows[0] ?? {};
  const applied = hasList ? await appliedMigrations(client) : [];
  const ours = ownMigrations();
  const unknown = applied.filter((name) => !ours.includes(name));
  const inForce = rows[0]?.hasDefinitions === true ? await definitionsInForce(client) : [];
  const newer = latest(inForce.map((one) => one.version));
  return {
    pending: ours.filter((name) => !applied.includes(name)),
    unknown,
    applied: applied.length,
    outdated: newer === undefined && unknown.length === 0 ? outdatedOf(inForce) : [],
    newer,
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

interface InForce {
  readonly name: string;
  readonly hash: string;
  readonly version: string;
}

/** Definitions that a migration or a person has dropped since are left out. */
async function definitionsInForce(client: pg.ClientBase): Promise<InForce[]> {
  const { rows } = await client.query<InForce>(
    `select d.name, d.hash, d.version
     from posthorn.definitions as d
     where exists (select from pg_proc where proname = d.name and pronamespace = 'posthorn'::regnamespace)
       or exists (
         select from pg_class where relname = d.name and relnamespace = 'posthorn'::regnamespace and relkind = 'v')`,
  );
  return rows;
}

function outdatedOf(inForce: readonly InForce[]): string[] {
  const hashes = new Map(inForce.map(({ name, hash }) => [name, hash]));
  return ownDefinitions()
    .filter(({ name, hash }) => hashes.get(name) !== hash)
    .map(({ name }) => name);
}

/** The latest of the versions that are later than this one. */
function latest(versions: readonly string[]): string | undefined {
  return versions
    .filter((one) => isLater(one, version))
    .reduce<string | undefined>(
      (found, one) => (found === undefined || isLater(one, found) ? one : found),
      undefined,
    );
}

async function lastOfGraphile(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ last: number }>(
    `select coalesce(max(id), 0) as last from ${graphileSchema}.migrations`,
  );
  return rows[0]?.last ?? 0;
}
