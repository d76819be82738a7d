import pg from 'pg';
import type { Log } from '../log.ts';
import { withShortLocks } from './short-locks.ts';
import { codeOf } from './sqlstate.ts';

/*
 * Builds an index while producers insert and workers deliver. CREATE INDEX alone blocks all writers until it is done,
 * and CONCURRENTLY is refused for a partitioned table. So the parent gets an index that is not valid yet, which new
 * partitions inherit; each existing partition gets its own index concurrently; the parent's becomes valid when the last
 * one is attached. It can be interrupted at any point and continues next time.
 */

const pattern =
  /^create (?<unique>unique )?index concurrently (?<name>\w+)\s+on posthorn\.(?<table>\w+)\s+(?<rest>[\s\S]+)$/;

/** Whether this is a statement for {@link buildIndex}. */
export function isConcurrentIndex(statement: string): boolean {
  return pattern.test(statement);
}

/** @param options.statement create [unique] index concurrently <name> on posthorn.<table> (…) …, without a schema in the name. */
export async function buildIndex(
  client: pg.Client,
  { statement, log }: { statement: string; log: Log },
): Promise<void> {
  const { unique = '', name = '', table = '', rest = '' } = pattern.exec(statement)?.groups ?? {};
  const create = `create ${unique}index`;
  const step = { what: `the index ${name}`, log };
  if (!(await isPartitioned(client, table))) {
    await buildOn(client, { create, name, table, rest });
    return;
  }
  await withShortLocks(
    client,
    step,
    `${create} if not exists ${name} on only posthorn.${table} ${rest}`,
  );
  for (;;) {
    const [partition, left] = await nextPartition(client, { table, name });
    if (partition === undefined) return;
    log.info({ index: name, partition, left }, 'Building an index');
    const child = `${name}_${partition.slice(table.length + 1)}`;
    try {
      await buildOn(client, { create, name: child, table: partition, rest });
      await withShortLocks(
        client,
        step,
        `alter index posthorn.${name} attach partition posthorn.${pg.escapeIdentifier(child)}`,
      );
    } catch (error) {
      // The partition was dropped in the meantime.
      if (codeOf(error) !== '42P01') throw error;
    }
  }
}

interface Target {
  readonly create: string;
  readonly name: string;
  readonly table: string;
  readonly rest: string;
}

/** An index that an interrupted try left behind is invalid and never used: it is built again. */
async function buildOn(client: pg.Client, { create, name, table, rest }: Target): Promise<void> {
  const index = pg.escapeIdentifier(name);
  const { rows } = await client.query<{ indisvalid: boolean }>(
    `select indisvalid from pg_index where indexrelid = to_regclass($1)`,
    [`posthorn.${index}`],
  );
  if (rows[0]?.indisvalid === true) return;
  if (rows.length > 0) await client.query(`drop index concurrently posthorn.${index}`);
  // This waits for every older transaction, and nothing waits for it.
  await client.query(
    `${create} concurrently ${index} on posthorn.${pg.escapeIdentifier(table)} ${rest}`,
  );
}

async function isPartitioned(client: pg.Client, table: string): Promise<boolean> {
  const { rows } = await client.query<{ relkind: string }>(
    'select relkind::text from pg_class where oid = $1::regclass',
    [`posthorn.${table}`],
  );
  return rows[0]?.relkind === 'p';
}

/** The next partition whose index is not attached yet, and how many are left. */
async function nextPartition(
  client: pg.Client,
  { table, name }: { table: string; name: string },
): Promise<readonly [string | undefined, number]> {
  const { rows } = await client.query<{ partition: string }>(
    `select child.relname::text as partition
     from pg_inherits as i
     join pg_class as child on child.oid = i.inhrelid
     where i.inhparent = $1::regclass
       and not exists (
         select
         from pg_index as x
         join pg_inherits as attached on attached.inhrelid = x.indexrelid
         where x.indrelid = child.oid
           and attached.inhparent = $2::regclass)
     order by child.relname`,
    [`posthorn.${table}`, `posthorn.${name}`],
  );
  return [rows[0]?.partition, rows.length];
}
