import { setTimeout as delay } from 'node:timers/promises';
import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

/** Whether Posthorn can work with the database now. */
export type DatabaseState = 'ok' | 'unreachable' | 'read only' | 'not migrated';

/** How long the database may take to answer and still count as reachable. */
const patienceMs = 2_000;

/** Checks the state of the database. Never throws, and answers within 2 s. */
export async function checkDatabase(
  connection: Pick<CommonQueryMethods, 'one'>,
): Promise<DatabaseState> {
  const answered = new AbortController();
  const asked = ask(connection).catch((): DatabaseState => 'unreachable');
  const gaveUp = delay(patienceMs, 'unreachable' as const, { signal: answered.signal }).catch(
    () => 'unreachable' as const,
  );
  const state = await Promise.race([asked, gaveUp]);
  answered.abort();
  return state;
}

const stateRow = z.object({ is_migrated: z.boolean(), is_read_only: z.boolean() });

async function ask(connection: Pick<CommonQueryMethods, 'one'>): Promise<DatabaseState> {
  const row = await connection.one(sql.type(stateRow)`
    select
      to_regclass('posthorn.outbox') is not null as is_migrated,
      pg_is_in_recovery() as is_read_only`);
  if (!row.is_migrated) return 'not migrated';
  return row.is_read_only ? 'read only' : 'ok';
}
