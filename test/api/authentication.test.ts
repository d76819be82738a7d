import { get, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { networkOf } from '../../src/api/authentication.ts';
import { KeyLookups } from '../../src/api/key-lookups.ts';
import { securityHeaders } from '../../src/api/security-headers.ts';
import type { ApiScope } from '../../src/domain/api-key.ts';
import { problemKinds } from '../../src/input/problems.ts';
import { createApiKey, hashOfKey, revokeApiKey, useApiKeys } from '../../src/queries/api-keys.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

let database: TestDatabase;
let api: TestApi;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
});

afterEach(async () => {
  await api.close();
  await database.drop();
});

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

async function makeKey(scopes: readonly ApiScope[], expiresAt: string | null = null) {
  return await createApiKey(api.pool, { name: 'test', scopes, expiresAt });
}

describe('without a key', () => {
  it('the API asks nobody', async () => {
    expect((await api.ask('/webhooks')).status).toBe(200);
  });

  it('a key that is given all the same must be one', async () => {
    expect((await api.ask('/webhooks', { headers: bearer('phk_wrong') })).status).toBe(401);
  });
});

describe('from the first key on', () => {
  it('every request needs one, within 2 s, but those that ask whether the process lives', async () => {
    expect((await api.ask('/webhooks')).status).toBe(200);
    await makeKey(['read']);
    await eventually(async () => (await api.ask('/webhooks')).status === 401, 'a key is needed');
    const refused = await api.ask('/webhooks');
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="posthorn"');
    expect(refused.json).toMatchObject({ code: 'unauthenticated', status: 401 });
    for (const path of ['/healthz', '/readyz']) expect((await api.ask(path)).status).toBe(200);
  });

  it('also when the last one was revoked: that opens nothing', async () => {
    const { row } = await makeKey(['read']);
    await revokeApiKey(api.pool, row.id);
    expect((await api.ask('/webhooks')).status).toBe(401);
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
    await makeKey(['read']);
    const answer = await api.ask('/webhooks', { headers });
    expect(answer.status).toBe(401);
    expect(answer.text).not.toContain('phk_');
  });

  it('a key in the query is refused: it would be in logs', async () => {
    const { key } = await makeKey(['read']);
    expect((await api.ask(`/webhooks?key=${key}`)).status).toBe(401);
  });

  it('the scheme may be written in any case', async () => {
    const { key } = await makeKey(['read']);
    const headers = { authorization: `bEARER ${key}` };
    expect((await api.ask('/webhooks', { headers })).status).toBe(200);
  });
});

describe('a key', () => {
  const id = '01a20a98-d609-7fd8-8299-4c98c49bb8a5';
  const requests: readonly [string, string, ApiScope][] = [
    ['GET', '/webhooks', 'read'],
    ['HEAD', '/webhooks', 'read'],
    ['GET', `/webhooks/${id}`, 'read'],
    ['GET', '/endpoints', 'read'],
    ['GET', '/metrics', 'read'],
    ['GET', '/no-such-path', 'read'],
    ['POST', '/webhooks/send', 'send'],
    ['POST', `/webhooks/${id}/retry`, 'manage'],
    ['POST', '/webhooks/cancel', 'manage'],
    ['POST', '/replays', 'manage'],
    ['POST', '/endpoints', 'manage'],
    ['PATCH', `/endpoints/${id}`, 'manage'],
    ['DELETE', `/endpoints/${id}`, 'manage'],
    ['PUT', '/webhooks/send', 'send'],
  ];

  it.each(requests)(
    'may do %s %s with the scope %s and with no other',
    async (method, path, needed) => {
      for (const scope of ['read', 'send', 'manage'] as const) {
        const { key } = await makeKey([scope]);
        const { status, json, headers } = await api.ask(path, { method, headers: bearer(key) });
        const isRefused = status === 403;
        expect([scope, isRefused]).toEqual([scope, scope !== needed]);
        if (!isRefused || method === 'HEAD') continue;
        expect(json.code).toBe('insufficient_scope');
        expect(headers.get('www-authenticate')).toContain(`scope="${needed}"`);
      }
    },
  );

  it('is refused by every process within seconds of being revoked', async () => {
    await using other = await serveTestApi(database.url);
    await makeKey(['read']);
    const { key, row } = await makeKey(['read']);
    for (const each of [api, other]) {
      expect((await each.ask('/webhooks', { headers: bearer(key) })).status).toBe(200);
    }
    await revokeApiKey(api.pool, row.id);
    for (const each of [api, other]) {
      await eventually(
        async () => (await each.ask('/webhooks', { headers: bearer(key) })).status === 401,
        'the key is refused',
      );
    }
  });

  it('is refused once it has expired', async () => {
    await makeKey(['read']);
    const { key } = await makeKey(['read'], new Date(Date.now() - 1_000).toISOString());
    expect((await api.ask('/webhooks', { headers: bearer(key) })).status).toBe(401);
  });

  it('is in the database as a hash alone, and notes when it was used, once a minute', async () => {
    const { key } = await makeKey(['read']);
    for (let times = 0; times < 3; times += 1) await api.ask('/webhooks', { headers: bearer(key) });
    const { rows } = await database.pool.query<{ all: string; used: boolean; versions: string }>(
      `select k::text as all, last_used_at is not null as used from posthorn.api_keys as k`,
    );
    expect(rows[0]?.used).toBe(true);
    expect(rows[0]?.all).not.toContain(key);
    expect(rows[0]?.all).not.toContain(key.slice(12));
  });

  it('is never in an answer or in the log', async () => {
    const { key } = await makeKey(['read']);
    for (const path of ['/webhooks', '/nowhere', '/webhooks/x', '/metrics']) {
      const answer = await api.ask(path, { headers: bearer(key) });
      expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(key);
    }
    expect(JSON.stringify(api.logged)).not.toContain(key);
  });
});

it('who tries wrong keys is told to wait, and keys that were right before go on', async () => {
  const { key } = await makeKey(['read']);
  expect((await api.ask('/webhooks', { headers: bearer(key) })).status).toBe(200);
  const statuses: number[] = [];
  for (let tries = 0; tries < 15; tries += 1) {
    const wrong = `phk_${String(tries).padStart(43, 'B')}`;
    statuses.push((await api.ask('/webhooks', { headers: bearer(wrong) })).status);
  }
  expect(statuses.slice(0, 10)).toEqual(Array(10).fill(401));
  expect(statuses.at(-1)).toBe(429);
  const told = await api.ask('/webhooks', { headers: bearer(`phk_${'C'.repeat(43)}`) });
  expect(told.headers.get('retry-after')).toBe('5');
  expect((await api.ask('/webhooks', { headers: bearer(key) })).status).toBe(200);
});

it('wrong keys that come all at once are no more than those that come one by one', async () => {
  await makeKey(['read']);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) =>
      api.ask('/webhooks', { headers: bearer(`phk_${String(at).padStart(43, 'D')}`) }),
    ),
  );
  expect(answers.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(11);
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(89);
});

it.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '::ffff:203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::1', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
])('wrong keys from %s count for %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

it.each([
  ['no HTTP', 'nonsense\r\n\r\n', 400],
  ['too large headers', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ['no Host', 'GET /webhooks HTTP/1.1\r\n\r\n', 400],
])('%s is answered with the headers of all answers', async (_, request, status) => {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(api.port, '127.0.0.1', () => socket.write(request));
    let text = '';
    socket.on('data', (data) => {
      text += String(data);
    });
    socket.on('close', () => resolve(text.toLowerCase()));
    socket.on('error', reject);
  });
  expect(answer).toContain(`http/1.1 ${status} `);
  for (const [name, value] of Object.entries(securityHeaders)) {
    expect(answer).toContain(`${name}: ${value}\r\n`.toLowerCase());
  }
});

it('a new key that many requests begin with at once is looked up without using up tries', async () => {
  const { key } = await makeKey(['read']);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => api.ask('/webhooks', { headers: bearer(key) })),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
});

it.each(['evil.example', 'evil.example:8080', '192.0.2.7', '127.0.0.1.evil.example'])(
  'without a key nobody is answered who calls this machine %s, as a page does whose name leads here',
  async (host) => {
    const status = await new Promise((resolve, reject) => {
      get({ port: api.port, host: '127.0.0.1', path: '/webhooks', headers: { host } }, (response) =>
        resolve(response.resume().statusCode),
      ).on('error', reject);
    });
    expect(status).toBe(403);
  },
);

it('a key that exists is answered while others at its address go on trying wrong ones, from the first request on', async () => {
  const { key } = await makeKey(['read']);
  const attack = new AbortController();
  let tries = 0;
  const tryOn = async () => {
    while (!attack.signal.aborted) {
      tries += 1;
      await api.ask('/webhooks', { headers: bearer(`phk_${String(tries).padStart(43, 'E')}`) });
    }
  };
  const attackers = Array.from({ length: 8 }, tryOn);
  await eventually(async () => tries > 50, 'the address has no tries left');
  const statuses: number[] = [];
  for (let times = 0; times < 5; times += 1) {
    const { key: another } = await makeKey(['read']);
    for (const each of [key, another]) {
      statuses.push((await api.ask('/webhooks', { headers: bearer(each) })).status);
    }
  }
  attack.abort();
  await Promise.all(attackers);
  expect(statuses).toEqual(Array(10).fill(200));
});

it('keys that are asked for at the same time take two statements at a time, however many they are', async () => {
  const asked: number[] = [];
  let running = 0;
  let most = 0;
  const lookups = new KeyLookups(async (hashes) => {
    running += 1;
    most = Math.max(most, running);
    asked.push(hashes.length);
    const found = await useApiKeys(api.pool, hashes);
    running -= 1;
    return found;
  });
  const { key, row } = await makeKey(['read']);
  const wrong = Array.from({ length: 1_000 }, (_, at) => lookups.find(hashOfKey(`wrong ${at}`)));
  expect((await lookups.find(hashOfKey(key)))?.id).toBe(row.id);
  expect(new Set(await Promise.all(wrong))).toEqual(new Set([undefined]));
  expect(most).toBe(2);
  expect(asked.length).toBeLessThanOrEqual(5);
});

it('a key is found while somebody is about to change it', async () => {
  const { key, row } = await makeKey(['read']);
  const client = await database.pool.connect();
  await client.query('begin');
  await client.query('update posthorn.api_keys set name = name where id = $1', [row.id]);
  expect((await api.ask('/webhooks', { headers: bearer(key) })).status).toBe(200);
  await client.query('rollback');
  client.release();
});

it.each([
  ['evil.example', 403],
  ['evil.example:8080', 403],
  ['hooks.example.evil.example', 403],
  ['192.0.2.7', 403],
  ['localhost', 200],
  ['localhost:8080', 200],
  ['127.0.0.1:8080', 200],
  ['[::1]:8080', 200],
  ['hooks.example', 200],
  ['HOOKS.example:443', 200],
])('where nobody is asked for a key, who calls the API %s is answered %i', async (host, status) => {
  await using open = await serveTestApi(database.url, {
    authentication: {
      auth: 'off',
      environmentKey: undefined,
      rateLimitPerS: undefined,
      allowedHosts: ['hooks.example'],
    },
  });
  const ask = async (method: string, path: string, headers: Record<string, string>) =>
    await new Promise<number | undefined>((resolve, reject) => {
      const options = { port: open.port, host: '127.0.0.1', method, path };
      request({ ...options, headers: { host, ...headers } }, (response) =>
        resolve(response.resume().statusCode),
      )
        .on('error', reject)
        .end(method === 'POST' ? '{"url":"https://example.com/","body":1}' : '');
    });
  expect(await ask('GET', '/webhooks', {})).toBe(status);
  const page = { origin: `http://${host.toLowerCase()}`, 'sec-fetch-site': 'same-origin' };
  const sent = await ask('POST', '/webhooks/send', { 'content-type': 'application/json', ...page });
  expect(sent).toBe(status === 200 ? 202 : 403);
});

it('a key may make so many requests a second at a process, if that is limited', async () => {
  await using limited = await serveTestApi(database.url, {
    authentication: { auth: 'keys', environmentKey: undefined, rateLimitPerS: 10 },
  });
  const { key } = await makeKey(['read']);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => limited.ask('/webhooks', { headers: bearer(key) })),
  );
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThanOrEqual(15);
  expect(refused[0]?.headers.get('retry-after')).toBe('1');
  expect(refused[0]?.json.title).toBe(problemKinds.too_many_requests.title);
  expect(answers.some(({ status }) => status === 200)).toBe(true);
});

it('a key from the environment may do everything, and is needed as soon as it is there', async () => {
  const environmentKey = 'e'.repeat(40);
  await using own = await serveTestApi(database.url, {
    authentication: { auth: 'keys', environmentKey, rateLimitPerS: undefined },
  });
  expect((await own.ask('/webhooks')).status).toBe(401);
  expect((await own.ask('/webhooks', { headers: bearer(environmentKey) })).status).toBe(200);
  expect((await own.send({}, bearer(environmentKey))).status).toBe(400);
  // Wrong keys from the same address do not shut it out.
  const wrong = Array.from({ length: 11 }, (_, at) =>
    own.ask('/webhooks', { headers: bearer(`wrong${at}`) }),
  );
  expect((await Promise.all(wrong)).map(({ status }) => status)).toContain(429);
  expect((await own.ask('/webhooks', { headers: bearer(environmentKey) })).status).toBe(200);
});

describe('where others can reach the API', () => {
  const env = { HOST: '0.0.0.0' };

  it('it is not served without a key', async () => {
    await expect(startEngine(database, { worker: false, api: true, env })).rejects.toThrow(
      'HOST is 0.0.0.0, but the API has no key',
    );
  });

  it('a key is needed even when the last one was revoked', async () => {
    const { key, row } = await makeKey(['read']);
    await using posthorn = await startEngine(database, { worker: false, api: true, env });
    const url = `http://127.0.0.1:${new URL(posthorn.address).port}/webhooks`;
    expect((await fetch(url, { headers: bearer(key) })).status).toBe(200);
    await revokeApiKey(api.pool, row.id);
    await eventually(
      async () => (await fetch(url, { headers: bearer(key) })).status === 401,
      'the key is refused',
    );
    expect((await fetch(url)).status).toBe(401);
  });

  it.each([
    ['with a key in the database', {}],
    ['with one in the environment', { POSTHORN_API_KEY: 'k'.repeat(32) }],
    ['if somebody else asks who calls', { POSTHORN_AUTH: 'off' }],
  ])('it is %s', async (name, more) => {
    if (name.includes('database')) await makeKey(['read']);
    await using posthorn = await startEngine(database, {
      worker: false,
      api: true,
      env: { ...env, ...more },
    });
    const port = new URL(posthorn.address).port;
    const { status } = await fetch(`http://127.0.0.1:${port}/webhooks`);
    expect(status).toBe('POSTHORN_AUTH' in more ? 200 : 401);
  });
});

it('metrics and health are on a port of their own without a key, if there is one', async () => {
  await using posthorn = await startEngine(database, {
    worker: false,
    api: true,
    env: { POSTHORN_API_KEY: 'k'.repeat(32), POSTHORN_METRICS_PORT: '0' },
  });
  expect((await fetch(`${posthorn.address}/metrics`)).status).toBe(401);
  expect((await fetch(`${posthorn.metricsAddress}/metrics`)).status).toBe(200);
  expect((await fetch(`${posthorn.metricsAddress}/webhooks`)).status).toBe(404);
});
