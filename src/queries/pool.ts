import {
  createPool,
  type DatabasePool,
  type DriverTypeParser,
  type Interceptor,
  sql,
} from 'slonik';
import { z } from 'zod';
import type { Line } from '../db/line.ts';
import { pinnedSettings } from '../db/session-settings.ts';
import { slonikConnection } from './connection.ts';
import { waitForCommits, withLocalSettings } from './local-settings.ts';
import { parseRows } from './parse-rows.ts';
import { toRfc3339 } from './rfc3339.ts';

/** So many requests wait for a connection already that one more would only wait in vain. */
export class PoolBusyError extends Error {
  override readonly name = 'PoolBusyError';
}

/**
 * The pool of the API's reads and writes.
 *
 * Every statement on it is a point read or a walk along an index. The planner settings keep it so whatever the statistics
 * say: in one of the view's plans compiling alone took 3.4 s (jit), and a sort reads all that a limit would have spared.
 *
 * @throws when the database cannot be reached: slonik asks it for its types.
 */
export async function createQueryPool(options: {
  readonly databaseUrl: string;
  readonly maximumPoolSize: number;
  /** Direct, if not given. */
  readonly line?: Line;
}): Promise<DatabasePool> {
  const isDirect = (options.line ?? 'direct') === 'direct';
  const { uri, password, ssl } = slonikConnection(
    options.databaseUrl,
    Object.entries(isDirect ? settings : {}).map(([name, value]) => `${name}=${value}`),
  );
  const maximumWaiting = options.maximumPoolSize * 20;
  // Those of this turn of the event loop: they are not in the pool's count yet, and a crowd may come in one turn.
  let justAdmitted = 0;
  const forgetAdmitted = () => {
    justAdmitted = 0;
  };
  const pool = await createPool(uri, {
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined ? {} : { ssl }),
    maxPoolSize: options.maximumPoolSize,
    connectionTimeout: 5_000,
    // A request waits for nothing but its own try.
    connectionRetryLimit: 0,
    idleTimeout: 60_000,
    // They would be sent with the settings.
    statementTimeout: 'DISABLE_TIMEOUT',
    idleInTransactionSessionTimeout: 'DISABLE_TIMEOUT',
    // Nothing here sets anything for the session, and a DISCARD ALL after each statement is a round trip more.
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
            `Cannot take a connection as at most ${maximumWaiting} may wait for one: so many do`,
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

/** Sets what cannot stand among the options of a connection, as its value depends on what it is. */
function onceAConnection(): Interceptor {
  const done = new Set<string>();
  const set = sql.type(z.looseObject({}))`select ${waitForCommits('session')}`;
  return {
    name: 'once-a-connection',
    afterPoolConnection: async ({ connectionId }, connection) => {
      if (done.has(connectionId)) return null;
      await connection.query(set);
      // Nobody says when one is closed. To set it once more does no harm.
      if (done.size > 1_000) done.clear();
      done.add(connectionId);
      return null;
    },
  };
}

/** RFC 3339 in UTC with ms, as the API says it. */
const timestamptz: DriverTypeParser = { name: 'timestamptz', parse: toRfc3339 };
