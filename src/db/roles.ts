import pg from 'pg';
import type { Log } from '../log.ts';
import { connect } from './connect.ts';
import { lineOf } from './line.ts';
import { createMaintenancePool } from './pools.ts';
import { grantees, legalPrefix, prefixOfOwner, roleNames } from './rights.ts';
import { rightsScript, rolesScript } from './roles-script.ts';
import { isUpToDate, schemaState } from './schema-state.ts';
import { withShortLocks } from './short-locks.ts';
import { codeOf } from './sqlstate.ts';
import { isLockFailure, withLockTimeout } from './transaction.ts';

/** What {@link makeRoles} did. */
export interface MadeRoles {
  readonly owner: string;
  /** Whom the schema belonged to before, when that has changed; a member of the new owner now, but for a superuser. */
  readonly formerOwner: { readonly name: string; readonly isSuperuser: boolean } | undefined;
}

/**
 * Makes the roles where they are missing, gives the schemas to the owner among them, and grants the others what they need
 * and no more. All of it or nothing.
 *
 * @throws when the schema is not up to date, or the role of DATABASE_URL may not do that.
 */
export async function makeRoles({
  databaseUrl,
  log,
  prefix,
}: {
  databaseUrl: string;
  log: Log;
  prefix: string;
}): Promise<MadeRoles> {
  await requireSession(databaseUrl);
  const pool = createMaintenancePool({
    databaseUrl,
    log,
    max: 1,
    applicationName: 'posthorn roles',
  });
  let user = '';
  try {
    return await withLockTimeout(pool, async (client) => {
      const state = await schemaState(client);
      ({ user } = state);
      if (!isUpToDate(state)) {
        throw new Error(
          'Cannot make the roles as the schema must be up to date: run "posthorn migrate" first',
        );
      }
      await client.query(rolesScript(prefix));
      const { owner } = roleNames(prefix);
      const { rows } = await client.query<{ name: string; isSuperuser: boolean }>(
        `select rolname::text as name, rolsuper as "isSuperuser" from pg_roles where rolname = $1 and rolname <> $2`,
        [state.owner, owner],
      );
      return { owner, formerOwner: rows[0] };
    });
  } catch (error) {
    throw explained(error, user);
  } finally {
    await pool.end();
  }
}

/** What the pool SETs when it connects would stay with whoever has the session next. */
async function requireSession(databaseUrl: string): Promise<void> {
  const client = await connect(databaseUrl, { application_name: 'posthorn roles' });
  try {
    if ((await lineOf(client, databaseUrl)) !== 'transaction pooler') return;
    throw new Error(
      'Cannot make the roles as that takes a direct line to Postgres: current value is a pooler in transaction mode',
    );
  } finally {
    await client.end();
  }
}

/**
 * Grants the rights again, where there are roles: a new version's migrations may have brought tables that the others have no
 * rights on yet. The session acts as the owner.
 */
export async function renewRights(
  client: pg.Client,
  { owner, log }: { owner: string | undefined; log: Log },
): Promise<void> {
  const prefix = await prefixInUse(client, owner);
  if (prefix === undefined) return;
  await withShortLocks(client, { what: 'the rights of roles', log }, rightsScript(prefix));
}

/** The prefix of the roles of this database; undefined when `posthorn roles` was never run in it. */
export async function prefixInUse(
  client: pg.ClientBase,
  owner: string | undefined,
): Promise<string | undefined> {
  const prefix = owner === undefined ? undefined : prefixOfOwner(owner);
  if (prefix === undefined || !legalPrefix.test(prefix)) return undefined;
  const names = roleNames(prefix);
  const { rowCount } = await client.query('select from pg_roles where rolname = any ($1)', [
    grantees.map((grantee) => names[grantee]),
  ]);
  return rowCount === grantees.length ? prefix : undefined;
}

function explained(error: unknown, user: string): unknown {
  if (!(error instanceof pg.DatabaseError)) return error;
  if (isLockFailure(error)) {
    return new Error(
      'Cannot make the roles as the tables change their owner, for which nobody may use them for a moment: somebody does; try again',
      { cause: error },
    );
  }
  if (codeOf(error) !== '42501' || error.message.startsWith('Cannot ')) return error;
  return new Error(
    `Cannot make the roles as that takes a role that may create roles and owns the schema posthorn, or a superuser: current value is ${user} (${error.message}). "posthorn roles --sql" prints what such a role has to run`,
    { cause: error },
  );
}
