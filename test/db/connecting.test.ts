import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { canTest } from '../../harness/can-run.ts';
import { runPosthorn } from '../../harness/process.ts';
import { readConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { connect } from '../../src/db/connect.ts';
import { connectionConfig, settledUrl } from '../../src/db/connection-url.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createLog } from '../../src/log.ts';
import { createEmptyDatabase } from '../support/database.ts';

// From a DATABASE_URL to a connection, and what is said when there is none.

const serverUrl = inject('postgresUrl');
const { password, port, username } = new URL(serverUrl);
const asksForPassword = canTest(password !== '', 'the server of the tests asks for no password.');
const certificate = 'a certificate';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'posthorn-connecting-'));
  await writeFile(join(directory, 'ca.pem'), certificate);
});

afterAll(() => rm(directory, { recursive: true }));

function without(part: 'password' | 'user' | 'database'): string {
  const url = new URL(serverUrl);
  if (part === 'password') url.password = '';
  if (part === 'user') url.password = 'guess';
  if (part === 'database') url.pathname = '/there_is_no_such_database';
  return url.href;
}

async function tryConnect(url: string): Promise<void> {
  const client = await connect(await settledUrl(url), { application_name: 'test' });
  await client.end();
}

describe('when there is no connection to be had, the message says what to correct', () => {
  it.skipIf(!asksForPassword).each([
    [
      'the password is missing',
      'password',
      'because the server asks for a password and the URL has none',
    ],
    [
      'the password is wrong',
      'user',
      /^Cannot log in .*password authentication failed.*: correct the user/,
    ],
  ] as const)('because %s', async (_what, part, message) => {
    await expect(tryConnect(without(part))).rejects.toThrow(message);
  });

  it('because there is no such database', async () => {
    await expect(tryConnect(without('database'))).rejects.toThrow(
      /^Cannot find the database .*does not exist.*: create it/,
    );
  });

  it('because nobody listens', async () => {
    await expect(tryConnect('postgres://u@127.0.0.1:1/d')).rejects.toThrow(
      'The database of DATABASE_URL cannot be reached: connect ECONNREFUSED',
    );
  });

  it.skipIf(!asksForPassword)(
    'and a command ends at once, rather than with the patience of Postgres',
    async () => {
      const { exitCode, stderr } = await runPosthorn(['status'], {
        DATABASE_URL: without('password'),
      });
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^Cannot log in to the database of DATABASE_URL/);
    },
    // Postgres gives a client up after 60 s.
    50_000,
  );
});

describe('the parameters of a DATABASE_URL mean what they mean to libpq', () => {
  it('passfile names the file with the password', async () => {
    const passfile = join(directory, 'pgpass');
    const url = `postgres://${username}@127.0.0.1:${port}/postgres?passfile=${encodeURIComponent(passfile)}`;
    const lines = ['# a comment', 'else:*:*:*:wrong', `127.0.0.1:${port}:*:other:wrong`];
    await writeFile(passfile, [...lines, `*:*:*:${username}:a\\:b\\\\c`, ''].join('\n'));
    await chmod(passfile, 0o600);
    expect(await settledUrl(url)).toBe(
      `postgres://${username}:a%3Ab%5Cc@127.0.0.1:${port}/postgres`,
    );
    await writeFile(
      passfile,
      [...lines, `*:*:*:${username}:${decodeURIComponent(password)}`].join('\n'),
    );
    await tryConnect(url);
    await rm(passfile);
    await expect(tryConnect(url)).rejects.toThrow('Cannot read the passfile of DATABASE_URL');
  });

  it.each(['prefer', 'allow'])(
    'sslmode=%s goes on without TLS where the server has none',
    async (mode) => {
      await using database = await createEmptyDatabase();
      await tryConnect(`${database.url}?sslmode=${mode}`);
    },
  );

  it.each([
    ['S', 'prefer', 'require'],
    ['N', 'prefer', 'disable'],
    ['S', 'allow', 'require'],
  ])(
    'a server that answers %s to sslmode=%s is connected to with %s',
    async (answer, mode, settled) => {
      const server = createServer((socket) => {
        socket.once('data', (request) => {
          expect(request.toString('hex')).toBe('0000000804d2162f');
          socket.end(answer);
        });
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const at = (server.address() as AddressInfo).port;
      const url = (sslmode: string) => `postgres://u:p@127.0.0.1:${at}/d?sslmode=${sslmode}`;
      expect(await settledUrl(url(mode))).toBe(url(settled));
      server.close();
    },
  );

  it.each([
    ['', undefined, false],
    ['sslmode=disable', undefined, false],
    ['sslmode=no-verify', { rejectUnauthorized: false }, false],
    ['sslmode=require', { rejectUnauthorized: false }, false],
    ['sslmode=require&sslrootcert=CA', { ca: certificate }, true],
    ['sslmode=verify-ca&sslrootcert=CA', { ca: certificate }, true],
    ['sslmode=verify-full&sslrootcert=CA', { ca: certificate }, false],
    ['sslmode=verify-full', {}, false],
    ['sslrootcert=system', {}, false],
  ])('%s', (parameters, expected, anyName) => {
    const file = encodeURIComponent(join(directory, 'ca.pem'));
    const { ssl } = new pg.Client(
      connectionConfig(`postgres://u@h/d?${parameters.replace('CA', file)}`),
    ) as unknown as { ssl: Record<string, unknown> | false };
    if (expected === undefined) return expect(ssl).toBe(false);
    expect(ssl).toMatchObject(expected);
    const { rejectUnauthorized, checkServerIdentity } = ssl === false ? {} : ssl;
    expect(rejectUnauthorized === false).toBe('rejectUnauthorized' in expected);
    expect(checkServerIdentity !== undefined).toBe(anyName);
  });

  it.each([
    ['sslmode=verify_full', 'its sslmode must be one of disable, allow'],
    ['sslmode=verify-ca', 'it must name the file with the certificate authority as sslrootcert'],
  ])('%s is refused at the start', (parameters, rule) => {
    const read = () => readConfig({ DATABASE_URL: `postgres://u:secret@h/d?${parameters}` });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(rule);
    expect(read).not.toThrow('secret');
  });
});

describe('a database in another encoding than UTF8', () => {
  it.each(['LATIN1', 'SQL_ASCII', 'WIN1252'])(
    'such as %s is refused, with the reason',
    async (encoding) => {
      await using database = await createEmptyDatabase({ as: `encoding '${encoding}' locale 'C'` });
      const migrated = migrate({ databaseUrl: database.url, log: createLog('silent') });
      await expect(migrated).rejects.toThrow(
        `The encoding of the database of DATABASE_URL must be UTF8: it is ${encoding}.`,
      );
      await expect(migrated).rejects.toThrow(ConfigError);
    },
  );

  it('ends a command with exit code 2, and the doctor says it', async () => {
    await using database = await createEmptyDatabase({ as: `encoding 'LATIN1' locale 'C'` });
    const env = { DATABASE_URL: database.url };
    const [migrating, doctor] = await Promise.all([
      runPosthorn(['migrate'], env),
      runPosthorn(['doctor'], env),
    ]);
    expect(migrating).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('LATIN1') });
    expect(doctor.stdout).toMatch(/^fail +encoding +LATIN1/m);
  });
});
