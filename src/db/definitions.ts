import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import type { Log } from '../log.ts';
import { version } from '../version.ts';
import { withShortLocks } from './short-locks.ts';
import { codeOf } from './sqlstate.ts';

/*
 * The functions, triggers and views of the schema. Each is defined in one place, sql/functions/<name>.sql or
 * sql/views/<name>.sql, and created again when its text has changed. posthorn.definitions stores the hash of each.
 */

export interface Definition {
  /** The name of the object, and of its file. */
  readonly name: string;
  readonly kind: 'function' | 'view';
  readonly text: string;
  readonly hash: string;
}

/** The first words of a function's file if tables call it, in a default, a CHECK or a generated column. */
const beforeTables = '-- Before the tables';

/** All definitions of this version, in the order in which they are created. */
export function ownDefinitions(): readonly Definition[] {
  const functions = definitionsIn('function');
  const locksTable = ({ text }: Definition) => text.includes('create or replace trigger');
  return [
    ...functions.filter((one) => !locksTable(one)),
    ...readersLast(definitionsIn('view')),
    // Triggers come last, because the lock that they take makes producers wait until the end of the transaction.
    ...functions.filter(locksTable),
  ];
}

/** Creates the functions that tables call. The tables need not be there yet, so it does not note what it did. */
export async function createBeforeTables(
  client: pg.Client,
  { names, log }: { names: readonly string[]; log: Log },
): Promise<void> {
  const texts = ownDefinitions()
    .filter(({ name, text }) => names.includes(name) && text.startsWith(beforeTables))
    .map(({ text }) => text);
  if (texts.length > 0) await withShortLocks(client, { what: 'functions', log }, texts.join('\n'));
}

/**
 * Creates these functions and views, in one transaction, and notes their hashes. A view whose columns have changed is
 * dropped and created again with its rights. If there is no partition yet, those of the first days are made as well.
 *
 * @throws when a view that is not Posthorn's uses such a view.
 */
export async function createDefinitions(
  client: pg.Client,
  { names, log }: { names: readonly string[]; log: Log },
): Promise<void> {
  const all = ownDefinitions();
  const outdated = withTriggers(
    all.filter(({ name }) => names.includes(name)),
    all,
  );
  if (outdated.length === 0) return;
  const step = { what: 'functions and views', log };
  try {
    await withShortLocks(client, step, scriptOf(outdated));
  } catch (error) {
    // "create or replace view" adds columns at the end, and does nothing else to them.
    if (codeOf(error) !== '42P16') throw error;
    const dropped = withReaders(
      outdated.filter(({ kind }) => kind === 'view'),
      all,
    );
    const script = [
      `drop view if exists ${dropped.map(({ name }) => `posthorn.${name}`).join(', ')};`,
      scriptOf(withTriggers([...outdated, ...dropped], all)),
      ...(await grantsOn(client, dropped)),
    ].join('\n');
    try {
      await withShortLocks(client, step, script);
    } catch (cause) {
      throw codeOf(cause) === '2BP01' ? stillUsed(cause) : cause;
    }
  }
}

function stillUsed(cause: unknown): Error {
  const detail = cause instanceof pg.DatabaseError ? cause.detail : undefined;
  return new Error(
    `Other objects use views whose columns have changed: drop those objects, run "posthorn migrate", and create them again (${detail})`,
    { cause },
  );
}

function definitionsIn(kind: Definition['kind']): Definition[] {
  const folder = new URL(`../../sql/${kind}s/`, import.meta.url);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      // A checkout on Windows may have changed the line endings.
      const text = readFileSync(new URL(file, folder), 'utf8').replaceAll('\r\n', '\n');
      const hash = createHash('sha256').update(text).digest('hex');
      return { name: file.slice(0, -'.sql'.length), kind, text, hash };
    });
}

/** The SQL that creates the definitions, notes their hashes, and makes the partitions of the first days. */
function scriptOf(definitions: readonly Definition[]): string {
  const rows = definitions.map(
    ({ name, hash }) => `('${name}', '${hash}', ${pg.escapeLiteral(version)})`,
  );
  return [
    // A function may name another one, or a view, that is created after it.
    'set local check_function_bodies = off;',
    ...definitions.map(({ text }) => text),
    `insert into posthorn.definitions (name, hash, version)
     values ${rows.join(', ')}
     on conflict (name) do update
       set hash = excluded.hash, version = excluded.version, created_at = excluded.created_at;`,
    // Yesterday's too: a transaction that began before midnight may bring ids of yesterday.
    `select posthorn.make_partitions((now() at time zone 'UTC')::date + ahead)
     from generate_series(-1, 3) as ahead
     where not exists (select from posthorn.partition_days());`,
  ].join('\n');
}

/** Sorts views after those that they read. */
function readersLast(views: readonly Definition[]): Definition[] {
  const sorted: Definition[] = [];
  const add = (view: Definition) => {
    if (sorted.includes(view)) return;
    for (const other of views) if (reads(view, other)) add(other);
    sorted.push(view);
  };
  views.forEach(add);
  return sorted;
}

/** Returns these views and the views that read them. */
function withReaders(views: readonly Definition[], all: readonly Definition[]): Definition[] {
  const found: Definition[] = [];
  for (const one of all) {
    if (one.kind !== 'view') continue;
    if (views.includes(one) || found.some((other) => reads(one, other))) found.push(one);
  }
  return found;
}

/** Returns these definitions in order, with those of the triggers of their views: a view that was dropped has lost them. */
function withTriggers(some: readonly Definition[], all: readonly Definition[]): Definition[] {
  const views = some.filter(({ kind }) => kind === 'view');
  const isOfView = ({ text }: Definition) =>
    text.includes('create or replace trigger') &&
    views.some(({ name }) => new RegExp(`\\bon posthorn\\.${name}\\b`).test(text));
  return all.filter((one) => some.includes(one) || isOfView(one));
}

function reads(view: Definition, other: Definition): boolean {
  return new RegExp(`\\b(?:from|join) posthorn\\.${other.name}\\b`).test(view.text);
}

/** Returns statements that repeat the grants on these views: a dropped view loses its grants. */
async function grantsOn(client: pg.Client, views: readonly Definition[]): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `select format('grant %s on posthorn.%I to %s%s;', acl.privilege_type, c.relname,
       case acl.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end,
       case when acl.is_grantable then ' with grant option' else '' end) as statement
     from pg_class as c
     cross join aclexplode(c.relacl) as acl
     where c.relnamespace = 'posthorn'::regnamespace
       and c.relname = any ($1)
       and acl.grantee <> c.relowner`,
    [views.map(({ name }) => name)],
  );
  return rows.map(({ statement }) => statement);
}
