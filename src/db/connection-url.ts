import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import pg from 'pg';

/*
 * The one place that reads a DATABASE_URL. The parameters mean what they mean to libpq, so that one URL does for psql and for
 * Posthorn; node-postgres by itself takes sslmode=prefer, require and verify-ca for verify-full, and knows no passfile.
 */

/** How node-postgres is told to connect there. What only a look at the world tells is found by {@link settledUrl}. */
export function connectionConfig(databaseUrl: string): Pick<pg.ClientConfig, 'connectionString'> {
  const url = new URL(databaseUrl);
  const { searchParams } = url;
  if (searchParams.get('sslrootcert') === 'system') {
    // The authorities that Node.js trusts by itself. As in libpq, the name is verified then.
    searchParams.delete('sslrootcert');
    if (!searchParams.has('sslmode')) searchParams.set('sslmode', 'verify-full');
  }
  const mode = searchParams.get('sslmode');
  if (mode === null || mode === 'no-verify') return { connectionString: url.href };
  // Not settled: TLS, as nothing says that the server has none.
  if (mode === 'allow') searchParams.set('sslmode', 'prefer');
  searchParams.set('uselibpqcompat', 'true');
  return { connectionString: url.href };
}

/**
 * The URL with what has to be looked up: the password from its passfile, and for sslmode=prefer and allow whether the server
 * has TLS. A server that cannot be reached changes nothing: connecting says why.
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

/** Of the first line that fits, as libpq reads it: host:port:database:user:password, where * is anything. */
async function passwordIn(passfile: string, place: Place): Promise<string | undefined> {
  const text = await readFile(passfile, 'utf8').catch((cause: Error) => {
    throw new Error(
      `Cannot read the passfile that DATABASE_URL names (${cause.message}): it must be a file that this user may read`,
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

/** Asks the server as each client does that would like to have TLS: it answers S or N. A socket of this machine has none. */
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
