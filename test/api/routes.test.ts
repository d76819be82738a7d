import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostOf } from '../../src/api/doors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { unknownId } from '../support/unknown-id.ts';
import { documentOf, type OpenApi } from './documented.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// What holds for every path of the document, whatever it is for.

let database: TestDatabase;
let api: TestApi;
let paths: [path: string, byMethod: OpenApi['paths'][string]][];

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
  paths = Object.entries(documentOf((await api.ask('/openapi.json')).json).document.paths);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

const order = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const named = (path: string) => path.replace('{id}', unknownId()).replace(/\{\w+\}/, 'acme');
const anyProbe = ['/healthz', '/readyz'];

it('a path answers other methods than its own with 405, and names its own', async () => {
  expect(paths.length).toBeGreaterThan(20);
  for (const [path, byMethod] of paths) {
    const names = Object.keys(byMethod).map((method) => method.toUpperCase());
    const own = order.filter((name) => names.includes(name === 'HEAD' ? 'GET' : name));
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      if (own.includes(method)) continue;
      const { status, headers } = await api.ask(named(path), { method });
      expect([method, path, status, headers.get('allow')]).toEqual([
        method,
        path,
        405,
        own.join(', '),
      ]);
    }
  }
});

it('a path with an id takes a UUID alone, and says of what it is', async () => {
  const withId = paths.filter(([path]) => path.includes('{id}'));
  expect(withId.length).toBeGreaterThan(8);
  for (const [path, byMethod] of withId) {
    const what = path.split('/')[1]?.slice(0, -1) ?? '';
    for (const method of Object.keys(byMethod)) {
      const { status, json } = await api.ask(path.replace('{id}', 'x'), {
        method: method.toUpperCase(),
      });
      expect([path, status, json.code, json.detail]).toEqual([
        path,
        400,
        'invalid_id',
        `The id of the ${what} must be a UUID in lower case with dashes: "x" is not`,
      ]);
    }
  }
});

it('an operation refuses a query parameter that it does not have; the health is asked with any', async () => {
  for (const [path, byMethod] of paths) {
    for (const [method, { requestBody }] of Object.entries(byMethod)) {
      const { status, json } = await api.ask(`${named(path)}?stray=1`, {
        method: method.toUpperCase(),
        ...(requestBody === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: '{}' }),
      });
      const codes = json.errors?.map(({ code, parameter }) => `${code} ${parameter}`) ?? [];
      expect([path, status, codes.includes('unknown_parameter stray')]).toEqual(
        anyProbe.includes(path) ? [path, 200, false] : [path, 400, true],
      );
    }
  }
});

describe('an endpoint that is', () => {
  it.each([
    ['active', { pause: 'paused', resume: 'active', disable: 'disabled', enable: 'active' }],
    ['paused', { pause: 'paused', resume: 'active', disable: 'disabled', enable: 409 }],
    ['disabled', { pause: 409, resume: 409, disable: 'disabled', enable: 'active' }],
    ['deleted', { pause: 404, resume: 404, disable: 404, enable: 404 }],
  ])('%s becomes what it is told to be, or stays', async (status, expected) => {
    for (const [action, becomes] of Object.entries(expected)) {
      const endpoint = await registerEndpoint(database, { url: 'https://a.example/' });
      if (status !== 'active') await endpoint.set({ status });
      const answer = await api.ask(`/endpoints/${endpoint.id}/${action}`, { method: 'POST' });
      const { status: is } = await endpoint.row();
      expect([action, answer.status, is]).toEqual(
        typeof becomes === 'string' ? [action, 200, becomes] : [action, becomes, status],
      );
    }
  });
});

it('the former secret of an endpoint signs for a day more, if not said otherwise', async () => {
  const endpoint = await registerEndpoint(database, { url: 'https://a.example/', secret: 'one' });
  const path = `/endpoints/${endpoint.id}/secret/rotate`;
  expect((await api.ask(path, { method: 'POST' })).status).toBe(200);
  const { rows } = await database.pool.query<{ is: boolean }>(
    `select (f ->> 'expires_at')::timestamptz between now() + interval '23 hours 50 minutes' and now() + interval '24 hours' as is
     from posthorn.endpoints, jsonb_array_elements(to_jsonb(former_secrets)) as f
     where id = $1`,
    [endpoint.id],
  );
  expect(rows).toEqual([{ is: true }]);
});

it.each([
  ['0.0.0.0', 'localhost'],
  ['::', 'localhost'],
  ['::1', '[::1]'],
  ['127.0.0.1', '127.0.0.1'],
  ['hooks.example', 'hooks.example'],
])('a process that listens at %s is reached at %s', (host, name) => {
  expect(hostOf(host)).toBe(name);
});
