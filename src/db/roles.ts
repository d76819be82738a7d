import pg from 'pg';
import type { Log } from '../log.ts';
import { connect } from './connect.ts';
import { connectionKindOf } from './connection-kind.ts';
import { createMaintenancePool } from './pools.ts';
import { grantees, legalPrefix, prefixOfOwner, roleNames } from './rights.ts';
import { rightsScript, rolesScript } from './roles-script.ts';
import { isUpToDate, schemaState } from './schema-state.ts';
import { withShortLocks } from './short-locks.ts';
import { codeOf } from './sqlstate.ts';
import { isLockFailure, withLockTimeout } from './transaction.ts';

/** The result of {@link makeRoles}. */
export interface MadeRoles {
  readonly owner: string;
  /**
   * The schema's former owner, if the owner has changed. Unless it is a superuser, it is now a member of the new owner.
   */
  readonly formerOwner: { readonly name: string; readonly isSuperuser: boolean } | undefined;
}

/**
 * Makes the roles that are missing, gives the schemas to the owner role, and grants the others only what they need. All
 * of it happens or nothing.
 *
 * @throws when the schema is not up to date, or the role of DATABASE_URL lacks the rights for it.
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
          'The schema must be up to date before the roles are made: run "posthorn migrate" first',
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

/** The settings that the pool makes on connecting would stay in the session for its next user. */
async function requireSession(databaseUrl: string): Promise<void> {
  const client = await connect(databaseUrl, { application_name: 'posthorn roles' });
  try {
    if ((await connectionKindOf(client, databaseUrl)) !== 'transaction pooler') return;
    throw new Error(
      'DATABASE_URL leads to a pooler in transaction mode, but making roles needs a direct connection to Postgres',
    );
  } finally {
    await client.end();
  }
}

/**
 * Grants the rights again if there are roles: the migrations of a new version may have added tables on which the roles
 * have no rights yet. The session acts as the owner.
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
      'Other sessions use the tables, whose owner can change only while they are unused for a moment: try again',
      { cause: error },
    );
  }
  if (codeOf(error) !== '42501' || error.message.startsWith('The role ')) return error;
  return new Error(
    `The role ${user} may not make the roles (${error.message}): this needs a superuser, or a role that may create roles and owns the schema posthorn. "posthorn roles --sql" prints the statements for such a role`,
    { cause: error },
  );
}
