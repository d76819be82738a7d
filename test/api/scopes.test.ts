import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ApiScope } from '../../src/domain/api-key.ts';
import { createApiKey } from '../../src/queries/api-keys.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { unknownId } from '../support/unknown-id.ts';
import { documentOf, type OpenApi } from './documented.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// For every operation of the OpenAPI document and every set of scopes: no answer holds what the key may not read.

let database: TestDatabase;
let api: TestApi;
let operations: [path: string, method: string, operation: OpenApi['paths'][string][string]][];

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
  const { document } = documentOf((await api.ask('/openapi.json')).json);
  operations = Object.entries(document.paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod).map(([method, operation]): (typeof operations)[number] => [
      path,
      method,
      operation,
    ]),
  );
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

const marker = 'xq-marker-xq';
const scopeSets: readonly (readonly ApiScope[])[] = [
  ['read'],
  ['send'],
  ['manage'],
  ['read', 'send'],
  ['read', 'manage'],
  ['send', 'manage'],
  ['read', 'send', 'manage'],
];

/** What whoever may do something is told: what it was done to, and what was made for the caller. */
const toldOfAll = new Set([
  ...['id', 'status', 'secret', 'public_key'],
  ...['dry_run', 'matched', 'is_at_least', 'cancelled', 'is_complete', 'missed', 'ids'],
]);
const openPaths = ['/healthz', '/readyz', '/openapi.json'];

/** Things that can be acted on, full of what is not for all. */
async function makeThings(operationId: string): Promise<Readonly<Record<string, string>>> {
  const status = { resumeEndpoint: 'paused', enableEndpoint: 'disabled' }[operationId] ?? 'active';
  const tenant = `acme-${unknownId()}`;
  const { rows } = await database.pool.query<Record<'e' | 'w' | 'r' | 's' | 'v', string>>(
    `with e as (
       insert into posthorn.endpoints (url, description, secret, status, tenant)
       values ('https://example.com/' || $1, $1, $1, $2, $3)
       returning id),
     w as (
       insert into posthorn.outbox (url, body, secret, send_at)
       values ('https://example.com/?token=' || $1, $1, $1, now() + interval '1 hour')
       returning id),
     v as (
       insert into posthorn.events (tenant, event_type, body, send_at)
       values ($1, $1, $1, now() + interval '1 hour')
       returning id),
     r as (insert into posthorn.replays (endpoint_id) select id from e returning id)
     select e.id as e, w.id as w, r.id as r, v.id as v from e, w, r, v`,
    [marker, status, tenant],
  );
  const { e = '', w = '', r = '', v = '' } = rows[0] ?? {};
  const subscribed = await database.pool.query<{ id: string }>(
    'insert into posthorn.subscriptions (endpoint_id, event_type) values ($1, $2) returning id',
    [e, marker],
  );
  await database.pool.query(
    `insert into posthorn.event_types (name, description, example) values ($1, $1, to_jsonb($1::text))
     on conflict do nothing`,
    [marker],
  );
  const subscriptions = subscribed.rows[0]?.id ?? '';
  // The tenant that is renamed gets the name of the example, which no other may have then.
  if (operationId !== 'renameTenant') {
    await database.pool.query('insert into posthorn.tenants (id, name) values ($1, $2)', [
      tenant,
      marker,
    ]);
  }
  return {
    ...{ endpoints: e, webhooks: w, replays: r, events: v, subscriptions },
    ...{ tenants: tenant, 'event-types': marker },
  };
}

it.each(scopeSets.map((scopes) => [scopes.join(' and '), scopes] as const))(
  'a key with %s is told what it may read, and of what it does no more than it must know',
  async (_name, scopes) => {
    const { key } = await createApiKey(api.pool, { name: 'test', scopes, expiresAt: null });
    const done: string[] = [];
    for (const [path, method, { operationId, requestBody }] of operations) {
      const ids = await makeThings(operationId);
      const documented = requestBody?.content['application/json'].example;
      const example =
        operationId === 'createSubscription'
          ? { ...Object(documented), endpoint_id: ids['endpoints'] }
          : documented;
      const answer = await api.ask(path.replace(/\{\w+\}/, ids[path.split('/')[1] ?? ''] ?? ''), {
        method: method.toUpperCase(),
        headers: {
          authorization: `Bearer ${key}`,
          ...(example === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(example === undefined ? {} : { body: JSON.stringify(example) }),
      });
      if (answer.status < 300) done.push(operationId);
      const needed = neededFor(method, path);
      expect([operationId, answer.status === 403]).toEqual([
        operationId,
        !openPaths.includes(path) && !scopes.includes(needed),
      ]);
      if (scopes.includes('read') || openPaths.includes(path)) continue;
      expect(answer.text, operationId).not.toContain(marker);
      if (answer.status >= 300 || answer.text === '') continue;
      const others = Object.keys(answer.json).filter((name) => !toldOfAll.has(name));
      expect(others, operationId).toEqual([]);
    }
    // What was refused has shown nothing of this.
    const acts = operations.filter(
      ([path, method]) => method !== 'get' && scopes.includes(neededFor(method, path)),
    );
    expect(acts.map(([, , { operationId }]) => operationId)).toEqual(
      acts.map(([, , { operationId }]) => operationId).filter((name) => done.includes(name)),
    );
  },
);

it.each(['read', 'send', 'manage'] as const)(
  'a key with the scope %s alone gets past it at no path and with no method that needs another',
  async (scope) => {
    const { key } = await createApiKey(api.pool, { name: 'one', scopes: [scope], expiresAt: null });
    const paths = new Set(operations.map(([path]) => path.replace(/\{\w+\}/, unknownId())));
    expect(paths.size).toBeGreaterThan(20);
    for (const path of [...paths, '/metrics', '/no-such-path', '/webhooks/send/', '/Settings']) {
      if (openPaths.includes(path)) continue;
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const needed = neededFor(method, path);
        const { status, json, headers } = await api.ask(path, {
          method,
          headers: { authorization: `Bearer ${key}` },
        });
        expect([method, path, status === 403]).toEqual([method, path, needed !== scope]);
        if (status !== 403) continue;
        expect(headers.get('www-authenticate')).toBe(
          `Bearer realm="posthorn", error="insufficient_scope", scope="${needed}"`,
        );
        if (method === 'HEAD') continue;
        expect(json).toMatchObject({
          code: 'insufficient_scope',
          detail: `The key needs the scope ${needed}; it has ${scope}`,
        });
      }
    }
  },
);

/** In words of its own: to look or ask is to read, to send or publish is to send, and all else is to manage. */
function neededFor(method: string, path: string): ApiScope {
  if (['get', 'head'].includes(method.toLowerCase())) return 'read';
  if (method.toLowerCase() === 'post' && path === '/events/recipients') return 'read';
  return ['/webhooks/send', '/events', '/events/batch'].includes(path) ? 'send' : 'manage';
}
