import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDsn } from 'slonik';
import { describe, expect, it } from 'vitest';
import { slonikConnection } from '../../src/queries/connection.ts';
import { createQueryPool } from '../../src/queries/pool.ts';
import { createTestDatabase } from '../support/database.ts';

/** As slonik will read it. */
function read(databaseUrl: string) {
  const { uri, password, ssl } = slonikConnection(databaseUrl, ['jit=off', 'TimeZone=UTC']);
  return { ...parseDsn(uri), password, ssl };
}

describe('a database URL reaches slonik', () => {
  it('with its parts, whatever is in them', () => {
    expect(
      read('postgres://us%40er:p%2Fa%20ss@db.example.com:6543/my%20db?application_name=app'),
    ).toEqual({
      host: 'db.example.com',
      port: 6543,
      databaseName: 'my db',
      username: 'us@er',
      password: 'p/a ss',
      applicationName: 'app',
      options: '-c jit=off -c TimeZone=UTC',
      ssl: undefined,
    });
  });

  it('with its own options before ours', () => {
    const { options } = read('postgres://u@h/d?options=-c%20search_path%3Dx');
    expect(options).toBe('-c search_path=x -c jit=off -c TimeZone=UTC');
  });

  it.each([
    ['an IPv6 address', 'postgres://u@[::1]:5432/d', '::1'],
    [
      'the directory of a socket',
      'postgres:///d?host=/var/run/postgresql&user=u',
      '/var/run/postgresql',
    ],
  ])('with %s', (_what, databaseUrl, host) => {
    expect(read(databaseUrl)).toMatchObject({ host, databaseName: 'd' });
  });

  it('without the password in its URI, which errors may show', () => {
    expect(slonikConnection('postgres://u:hunter2@h/d', []).uri).not.toContain('hunter2');
  });

  it('with its certificate', async () => {
    const file = join(tmpdir(), `posthorn-${process.pid}.pem`);
    await writeFile(file, 'a certificate');
    const { ssl } = read(`postgres://u@h/d?sslmode=verify-full&sslrootcert=${file}`);
    expect(ssl).toMatchObject({ ca: 'a certificate' });
  });
});

it.each(['require', 'verify-full', 'no-verify'])(
  'never connects in the clear when sslmode is %s',
  async (mode) => {
    await using database = await createTestDatabase();
    const pool = createQueryPool({
      databaseUrl: `${database.url}?sslmode=${mode}`,
      maximumPoolSize: 1,
    });
    await expect(pool).rejects.toThrow('The server does not support SSL connections');
  },
);
