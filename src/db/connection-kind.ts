import pg from 'pg';
import { connectionConfig } from './connection-url.ts';
import { codeOf } from './sqlstate.ts';

/**
 * What is between this process and Postgres. Behind a pooler in transaction mode, each transaction may run in another
 * session: everything that belongs to a session (a lock, LISTEN, SET, a prepared statement) is lost or, worse, left to
 * another client.
 */
export type ConnectionKind = 'direct' | 'session pooler' | 'transaction pooler';

/** In a busy pool, a single look can miss that a session changed hands. */
const looks = 5;
const secondLineMs = 5_000;

/**
 * Finds out what is between this connection and Postgres. The connection must be outside a transaction. Leaves nothing
 * behind.
 */
export async function connectionKindOf(
  client: pg.Client,
  databaseUrl: string,
): Promise<ConnectionKind> {
  // A pooler makes up the backend's key, because it may not have a backend yet.
  if (Reflect.get(client, 'processID') === (await backendPid(client))) return 'direct';
  const second = new pg.Client({
    ...connectionConfig(databaseUrl),
    application_name: 'posthorn',
    connectionTimeoutMillis: secondLineMs,
    query_timeout: secondLineMs,
  });
  second.on('error', () => {});
  try {
    await second.connect();
    for (let look = 0; look < looks; look += 1) {
      if (await sharesSessions(client, second)) return 'transaction pooler';
    }
    return 'session pooler';
  } catch (error) {
    // In statement mode, a pooler refuses to begin a transaction. In session mode, a full pool makes the second
    // connection wait.
    return codeOf(error) === '08P01' ? 'transaction pooler' : 'session pooler';
  } finally {
    await second.end().catch(() => {});
  }
}

/** Whether one session served two open connections, or two sessions served one. */
async function sharesSessions(first: pg.Client, second: pg.Client): Promise<boolean> {
  const before = await backendPid(first);
  await second.query('begin');
  try {
    if ((await backendPid(second)) === before) return true;
    return (await backendPid(first)) !== before;
  } finally {
    await second.query('rollback');
  }
}

async function backendPid(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid;
}
