import pg from 'pg';
import { connectionConfig } from './connection-url.ts';
import { codeOf } from './sqlstate.ts';

const connectMs = 10_000;

/**
 * Opens one connection, which the caller must end. It changes no setting of the session, which may be a pooler's.
 *
 * @throws when it cannot connect; the message says what to correct.
 */
export async function connect(
  databaseUrl: string,
  options: Omit<pg.ClientConfig, 'connectionString'>,
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionTimeoutMillis: connectMs,
    ...options,
    ...connectionConfig(databaseUrl),
  });
  // Without a listener, a lost connection would end the process. The next query reports the loss.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    // Postgres waits a minute for a client that got stuck while it logged in, and our process would wait too.
    client.end().catch(() => {});
    throw connectionError(error);
  }
}

/** Explains why there is no connection and what to do about it. */
function connectionError(cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  const says = (what: string, todo: string) =>
    new Error(`Cannot ${what} (${message}): ${todo}`, { cause });
  // node-postgres has no code for this.
  if (/client password must be a (non-empty )?string/.test(message)) {
    return new Error(
      'Cannot log in to the database of DATABASE_URL because the server asks for a password and the URL has none: write it as postgres://user:password@host/database, or name a file with passfile',
      { cause },
    );
  }
  const code = codeOf(cause) ?? '';
  if (code.startsWith('28')) {
    return says(
      'log in to the database of DATABASE_URL',
      "correct the user and the password, or allow this login in the server's pg_hba.conf",
    );
  }
  if (code === '3D000') {
    return says(
      'find the database of DATABASE_URL',
      'create it, or correct the name at the end of the URL',
    );
  }
  if (code === '42501') {
    return says(
      'connect to the database of DATABASE_URL',
      'grant its user the right to connect to it',
    );
  }
  if (/SSL|TLS|certificate/i.test(`${code} ${message}`)) {
    return says(
      'connect to the database of DATABASE_URL with TLS',
      'correct its sslmode and sslrootcert (docs/configuration.md)',
    );
  }
  return new Error(`The database of DATABASE_URL cannot be reached: ${message}`, { cause });
}
