import {
  createPool,
  type DatabasePool,
  type DriverTypeParser,
  type Interceptor,
  sql,
} from 'slonik';
import { z } from 'zod';
import type { ConnectionKind } from '../db/connection-kind.ts';
import { pinnedSettings } from '../db/session-settings.ts';
import { slonikConnection } from './connection.ts';
import { waitForCommits, withLocalSettings } from './local-settings.ts';
import { parseRows } from './parse-rows.ts';
import { toRfc3339 } from './rfc3339.ts';

/** Thrown when so many requests wait for a connection that another one would wait in vain. */
export class PoolBusyError extends Error {
  override readonly name = 'PoolBusyError';
}

/**
 * The pool of the API's reads and writes.
 *
 * Every statement on it is a point read or a walk along an index, and the planner settings keep it so whatever the
 * statistics say. In one plan of the view, jit compilation alone took 3.4 s, and a sort reads all rows where a limit
 * would read few.
 *
 * @throws when the database cannot be reached: slonik asks it for its types.
 */
export async function createQueryPool(options: {
  readonly databaseUrl: string;
  readonly maximumPoolSize: number;
  /** Default: direct. */
  readonly line?: ConnectionKind;
}): Promise<DatabasePool> {
  const isDirect = (options.line ?? 'direct') === 'direct';
  const { uri, password, ssl } = slonikConnection(
    options.databaseUrl,
    Object.entries(isDirect ? settings : {}).map(([name, value]) => `${name}=${value}`),
  );
  const maximumWaiting = options.maximumPoolSize * 20;
  // Requests admitted in this turn of the event loop. The pool's counts do not include them yet, and many may come in
  // one turn.
  let justAdmitted = 0;
  const forgetAdmitted = () => {
    justAdmitted = 0;
  };
  const pool = await createPool(uri, {
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined ? {} : { ssl }),
    maxPoolSize: options.maximumPoolSize,
    connectionTimeout: 5_000,
    // A request makes a single try to connect.
    connectionRetryLimit: 0,
    idleTimeout: 60_000,
    // These would be sent together with the settings.
    statementTimeout: 'DISABLE_TIMEOUT',
    idleInTransactionSessionTimeout: 'DISABLE_TIMEOUT',
    // Statements here change no session settings, and a DISCARD ALL after each would cost one more round trip.
    resetConnection: async () => {},
    typeParsers: [timestamptz],
    interceptors: [
      {
        name: 'refuse-to-wait',
        beforePoolConnection: () => {
          const { waitingClients, acquiredConnections, pendingConnections } = pool.state();
          const free = Math.max(
            0,
            options.maximumPoolSize - acquiredConnections - pendingConnections,
          );
          if (waitingClients + justAdmitted < maximumWaiting + free) {
            if (justAdmitted === 0) setImmediate(forgetAdmitted);
            justAdmitted += 1;
            return null;
          }
          throw new PoolBusyError(
            `Too many requests wait for a database connection: at most ${maximumWaiting} may`,
          );
        },
      },
      ...(isDirect ? [onceAConnection()] : []),
      parseRows,
    ],
  });
  return isDirect ? pool : withLocalSettings(pool, settings);
}

const settings: Readonly<Record<string, string>> = {
  ...pinnedSettings,
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  enable_seqscan: 'off',
  enable_sort: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  statement_timeout: '10s',
  lock_timeout: '5s',
  idle_in_transaction_session_timeout: '10s',
};

/**
 * Applies, once per connection, the settings that cannot be options of a connection, because their value depends on the
 * current one.
 */
function onceAConnection(): Interceptor {
  const done = new Set<string>();
  const set = sql.type(z.looseObject({}))`select ${waitForCommits('session')}`;
  return {
    name: 'once-a-connection',
    afterPoolConnection: async ({ connectionId }, connection) => {
      if (done.has(connectionId)) return null;
      await connection.query(set);
      // There is no event when a connection closes. Setting them once more does no harm.
      if (done.size > 1_000) done.clear();
      done.add(connectionId);
      return null;
    },
  };
}

/** RFC 3339 in UTC with ms, the API's format. */
const timestamptz: DriverTypeParser = { name: 'timestamptz', parse: toRfc3339 };
