import { describe, expect, it } from 'vitest';
import { revokeApiKey } from '../../src/queries/api-keys.ts';
import { startEngine } from '../support/engine.ts';
import { bearer, keyedApiForEachTest } from './keyed-api.ts';
import type { TestApi } from './served-api.ts';

const keyed = keyedApiForEachTest();
const { clock, makeKey, serve } = keyed;

const statusOf = async (headers: Record<string, string>, api: TestApi = keyed.api) =>
  (await api.ask('/webhooks', { headers })).status;

describe('without a key', () => {
  it('the API asks nobody', async () => {
    expect(await statusOf({})).toBe(200);
  });

  it('a key that is given all the same must be one', async () => {
    expect(await statusOf(bearer('phk_wrong'))).toBe(401);
    expect(await statusOf(bearer(`phk_${'A'.repeat(43)}`))).toBe(401);
  });
});

describe('from the first key on', () => {
  it('every request needs one, after 2 s at most, but those that ask whether the process lives', async () => {
    const { api } = keyed;
    expect(await statusOf({})).toBe(200);
    await makeKey();
    clock.nowMs += 1_999;
    expect(await statusOf({})).toBe(200);
    clock.nowMs += 1;
    const refused = await api.ask('/webhooks');
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="posthorn"');
    expect(refused.json).toMatchObject({
      code: 'unauthenticated',
      status: 401,
      detail: expect.stringContaining('there is none'),
    });
    for (const path of ['/healthz', '/readyz', '/openapi.json', '/', '/dashboard/app.js']) {
      expect([path, (await api.ask(path)).status]).toEqual([path, 200]);
    }
  });

  it('also when the last one was revoked: that opens nothing', async () => {
    const { row } = await makeKey();
    await revokeApiKey(keyed.api.pool, row.id);
    expect(await statusOf({})).toBe(401);
  });

  it.each([
    ['nothing', {}],
    ['another scheme', { authorization: 'Basic cGhrOg==' }],
    ['no token', { authorization: 'Bearer' }],
    ['two tokens', { authorization: 'Bearer a b' }],
    ['a key that was made up', bearer(`phk_${'A'.repeat(43)}`)],
    ['what is no key', bearer('x'.repeat(8_000))],
    ['SQL', bearer(`phk_'or'1'='1`)],
  ])('%s is refused', async (_, headers) => {
    await makeKey();
    const answer = await keyed.api.ask('/webhooks', { headers });
    expect(answer.status).toBe(401);
    expect(answer.text).not.toContain('phk_');
  });

  it('a key in the query is refused: it would be in logs', async () => {
    const { key } = await makeKey();
    expect((await keyed.api.ask(`/webhooks?key=${key}`)).status).toBe(401);
  });

  it('the scheme may be written in any case', async () => {
    const { key } = await makeKey();
    expect(await statusOf({ authorization: `bEARER ${key}` })).toBe(200);
  });
});

describe('a key', () => {
  it('is refused by every process after 2 s at most of being revoked, and not looked up before', async () => {
    await using other = await serve();
    const { key, row } = await makeKey();
    const everywhere = async () => [
      await statusOf(bearer(key)),
      await statusOf(bearer(key), other),
    ];
    expect(await everywhere()).toEqual([200, 200]);
    await revokeApiKey(keyed.api.pool, row.id);
    clock.nowMs += 1_999;
    expect(await everywhere()).toEqual([200, 200]);
    clock.nowMs += 1;
    expect(await everywhere()).toEqual([401, 401]);
  });

  it('may be used as soon as it is there, also where it was asked for before', async () => {
    const { key, row } = await makeKey();
    const hide = (name: string) =>
      keyed.database.pool.query(
        `update posthorn.api_keys set hash = sha256(hash || $2::text::bytea) where id = $1`,
        [row.id, name],
      );
    const { rows } = await keyed.database.pool.query('select hash from posthorn.api_keys');
    await hide('for now');
    expect(await statusOf(bearer(key))).toBe(401);
    await keyed.database.pool.query('update posthorn.api_keys set hash = $1', [rows[0].hash]);
    expect(await statusOf(bearer(key))).toBe(200);
  });

  it('is refused once it has expired', async () => {
    await makeKey();
    const { key } = await makeKey(['read'], new Date(Date.now() - 1_000).toISOString());
    expect(await statusOf(bearer(key))).toBe(401);
    const later = await makeKey(['read'], new Date(Date.now() + 3_600_000).toISOString());
    expect(await statusOf(bearer(later.key))).toBe(200);
  });

  it('is in the database as a hash alone, and notes when it was used, once a minute', async () => {
    const { key } = await makeKey();
    const { pool } = keyed.database;
    const row = async () => {
      const { rows } = await pool.query<{ all: string; used: Date | null; version: string }>(
        `select k::text as all, last_used_at as used, xmin::text as version from posthorn.api_keys as k`,
      );
      return rows[0];
    };
    const use = async () => {
      clock.nowMs += 2_000;
      expect(await statusOf(bearer(key))).toBe(200);
    };
    expect((await row())?.used).toBe(null);
    await use();
    const first = await row();
    expect(first?.used).toBeInstanceOf(Date);
    expect(first?.all).not.toContain(key);
    expect(first?.all).not.toContain(key.slice(12));
    await use();
    expect((await row())?.version).toBe(first?.version);
    await pool.query(`update posthorn.api_keys set last_used_at = now() - interval '61 seconds'`);
    await use();
    const { rows } = await pool.query<{ is: boolean }>(
      `select last_used_at > now() - interval '30 seconds' as is from posthorn.api_keys`,
    );
    expect(rows).toEqual([{ is: true }]);
  });

  it('is never in an answer or in the log', async () => {
    const { key } = await makeKey();
    for (const path of ['/webhooks', '/nowhere', '/webhooks/x', '/metrics']) {
      const answer = await keyed.api.ask(path, { headers: bearer(key) });
      expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(key);
    }
    expect(JSON.stringify(keyed.api.logged)).not.toContain(key);
  });

  it('is found while somebody is about to change it', async () => {
    const { key, row } = await makeKey();
    const client = await keyed.database.pool.connect();
    await client.query('begin');
    await client.query('update posthorn.api_keys set name = name where id = $1', [row.id]);
    expect(await statusOf(bearer(key))).toBe(200);
    await client.query('rollback');
    client.release();
  });
});

it('a key from the environment may do everything, and is needed as soon as it is there', async () => {
  const environmentKey = 'e'.repeat(40);
  await using own = await serve({ environmentKey });
  expect(await statusOf({}, own)).toBe(401);
  expect(await statusOf(bearer(environmentKey), own)).toBe(200);
  expect((await own.send({}, bearer(environmentKey))).status).toBe(400);
  for (const other of ['e'.repeat(39), 'e'.repeat(41), `${'e'.repeat(39)}f`]) {
    expect(await statusOf(bearer(other), own)).toBe(401);
  }
  // Wrong keys from the same address do not shut it out.
  const wrong = Array.from({ length: 11 }, (_, at) => statusOf(bearer(`wrong${at}`), own));
  expect(await Promise.all(wrong)).toContain(429);
  expect(await statusOf(bearer(environmentKey), own)).toBe(200);
});

describe('where others can reach the API', () => {
  const env = { HOST: '0.0.0.0' };

  it('it is not served without a key', async () => {
    await expect(startEngine(keyed.database, { worker: false, api: true, env })).rejects.toThrow(
      'HOST is 0.0.0.0, but the API has no key',
    );
  });

  it('a key is needed even when the last one is gone', async () => {
    await using open = await serve({ isReachable: true });
    expect(await statusOf({}, open)).toBe(401);
  });

  it.each([
    ['with a key in the database', {}],
    ['with one in the environment', { POSTHORN_API_KEY: 'k'.repeat(32) }],
    ['if somebody else asks who calls', { POSTHORN_AUTH: 'off' }],
  ])('it is %s', async (name, more) => {
    if (name.includes('database')) await makeKey();
    await using posthorn = await startEngine(keyed.database, {
      worker: false,
      api: true,
      env: { ...env, ...more },
    });
    // There is none to be found: only that others reach it says that one is needed.
    await keyed.database.pool.query('truncate posthorn.api_keys');
    const { port } = new URL(posthorn.address);
    const { status } = await fetch(`http://127.0.0.1:${port}/webhooks`);
    expect(status).toBe('POSTHORN_AUTH' in more ? 200 : 401);
  });
});

it('metrics and health are on a port of their own without a key, if there is one', async () => {
  await using posthorn = await startEngine(keyed.database, {
    worker: false,
    api: true,
    env: { POSTHORN_API_KEY: 'k'.repeat(32), POSTHORN_METRICS_PORT: '0' },
  });
  expect((await fetch(`${posthorn.address}/metrics`)).status).toBe(401);
  expect((await fetch(`${posthorn.metricsAddress}/metrics`)).status).toBe(200);
  expect((await fetch(`${posthorn.metricsAddress}/webhooks`)).status).toBe(404);
});
