import pg from 'pg';
import { expect, it } from 'vitest';
import { freePort } from '../../harness/free-port.ts';
import { lockClass, migrationLock } from '../../src/db/names.ts';
import { createEmptyDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';

// What a process answers while its schema is being brought up to date, which may take long.

it.each([
  ['posthorn start', { worker: true, api: true }],
  ['posthorn worker', { worker: true, api: false }],
])(
  '%s says that it lives, and that it is not ready, while it migrates',
  async (_what, parts) => {
    await using database = await createEmptyDatabase();
    // Somebody else migrates.
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query('select pg_advisory_lock($1, $2)', [lockClass, migrationLock]);
    const port = String(await freePort());
    const starting = startEngine(database, {
      ...parts,
      env: { PORT: port, POSTHORN_HEALTH_PORT: port },
    });
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
      return response === undefined
        ? undefined
        : { status: response.status, headers: response.headers, json: await response.json() };
    };
    await eventually(() => ask('/healthz'), 'an answer');
    expect(await ask('/healthz')).toMatchObject({ status: 200, json: { ok: true } });
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      json: { ready: false, checks: { database: 'migrating', worker: 'starting' } },
    });
    const webhooks = await ask('/webhooks');
    expect(webhooks).toMatchObject({ status: 503, json: { code: 'database_unavailable' } });
    expect(webhooks?.headers.get('retry-after')).toBe('5');
    await other.end();
    await using engine = await starting;
    expect(engine.address).toBe(`http://127.0.0.1:${port}`);
    expect(await ask('/readyz')).toMatchObject({ status: 200 });
    if (parts.api) expect(await ask('/webhooks')).toMatchObject({ status: 200 });
  },
  60_000,
);

it('a process that cannot migrate gives its port back', async () => {
  await using database = await createEmptyDatabase({ as: `encoding 'LATIN1' locale 'C'` });
  const port = String(await freePort());
  const env = { PORT: port };
  await expect(startEngine(database, { env, worker: false, api: true })).rejects.toThrow('LATIN1');
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
});
