import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import pg from 'pg';

/*
 * The only code that reads a DATABASE_URL. The parameters have the same meaning as in libpq, so that one URL works for
 * psql and for Posthorn; node-postgres by itself treats sslmode=prefer, require and verify-ca as verify-full, and does
 * not support passfile.
 */

/**
 * Turns a database URL into node-postgres' configuration. {@link settledUrl} finds out what the URL alone does not say.
 */
export function connectionConfig(databaseUrl: string): Pick<pg.ClientConfig, 'connectionString'> {
  const url = new URL(databaseUrl);
  const { searchParams } = url;
  if (searchParams.get('sslrootcert') === 'system') {
    // sslrootcert=system means the authorities that Node.js trusts by default. As in libpq, the host name is then
    // verified.
    searchParams.delete('sslrootcert');
    if (!searchParams.has('sslmode')) searchParams.set('sslmode', 'verify-full');
  }
  const mode = searchParams.get('sslmode');
  if (mode === null || mode === 'no-verify') return { connectionString: url.href };
  // Not settled: use TLS, because nothing says that the server has none.
  if (mode === 'allow') searchParams.set('sslmode', 'prefer');
  searchParams.set('uselibpqcompat', 'true');
  return { connectionString: url.href };
}

/**
 * Completes the URL with what must be looked up: the password from its passfile, and for sslmode=prefer and allow
 * whether the server has TLS. If the server cannot be reached, the URL stays as it is: connecting reports why.
 */
export async function settledUrl(databaseUrl: string): Promise<string> {
  const url = new URL(databaseUrl);
  const { searchParams } = url;
  const passfile = searchParams.get('passfile');
  const mode = searchParams.get('sslmode');
  const place = new pg.Client(connectionConfig(databaseUrl));
  if (passfile !== null) {
    searchParams.delete('passfile');
    const password = url.password === '' ? await passwordIn(passfile, place) : undefined;
    if (password !== undefined) url.password = encodeURIComponent(password);
  }
  if (mode === 'prefer' || mode === 'allow') {
    const hasTls = await offersTls(place).catch(() => true);
    searchParams.set('sslmode', hasTls ? 'require' : 'disable');
  }
  return passfile === null && mode === searchParams.get('sslmode') ? databaseUrl : url.href;
}

type Place = Pick<pg.Client, 'host' | 'port' | 'database' | 'user'>;

/**
 * Reads the password from the first line that matches, as libpq does: host:port:database:user:password, where * matches
 * anything.
 */
async function passwordIn(passfile: string, place: Place): Promise<string | undefined> {
  const text = await readFile(passfile, 'utf8').catch((cause: Error) => {
    throw new Error(
      `Cannot read the passfile of DATABASE_URL (${cause.message}): it must be a file that this user may read`,
      { cause },
    );
  });
  const wanted = [place.host, String(place.port), place.database ?? '', place.user ?? ''];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = [...line.matchAll(/((?:\\.|[^\\:])*)(?::|$)/g)].map(([, field = '']) =>
      field.replaceAll(/\\(.)/g, '$1'),
    );
    if (wanted.every((value, at) => fields[at] === '*' || fields[at] === value)) return fields[4];
  }
  return undefined;
}

/** SSLRequest: its length, and its code. */
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const answerMs = 10_000;

/** Asks the server whether it offers TLS, as clients that prefer TLS do: it answers S or N. A Unix socket has none. */
function offersTls({ host, port }: Place): Promise<boolean> {
  if (host.startsWith('/')) return Promise.resolve(false);
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port }, () => socket.write(sslRequest));
    socket.setTimeout(answerMs, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.once('data', (answer) => {
      resolve(answer.toString('latin1').startsWith('S'));
      socket.destroy();
    });
  });
}
