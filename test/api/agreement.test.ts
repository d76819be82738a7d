import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Documented, documentOf } from './documented.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// What the OpenAPI document allows is taken, and what it does not is refused.

let database: TestDatabase;
let api: TestApi;
let documented: Documented;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query('insert into posthorn.endpoints (id, url) values ($1, $2)', [id, url]);
  api = await serveTestApi(database.url);
  documented = documentOf((await api.ask('/openapi.json')).json);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

const id = '01a20a98-d609-7fd8-8299-4c98c49bb8a5';
const url = 'https://example.com/hooks';
const longUrl = `${url}?${'x'.repeat(2_048 - url.length)}`;
const body = 1;
const filters = [
  {},
  { url },
  { url: `${url}?${'x'.repeat(2_047 - url.length)}` },
  { url: longUrl },
  { url: null },
  { url, endpoint_id: id },
  { url, endpoint_id: null },
  { url: null, endpoint_id: id },
  { endpoint_id: id.toUpperCase() },
  { endpoint_id: null, from: null, ids: null, url: null },
  { from: '2026-12-01T12:00:00+16:00' },
  { until: '2026-12-01T12:00:00+16:00' },
  { ids: [id] },
  { ids: [id.toUpperCase()] },
  { ids: [] },
];

const bodies: readonly [path: string, body: object][] = [
  ...[
    { body },
    { url, body },
    { url },
    { endpoint_id: id, body },
    { url, endpoint_id: id, body },
    { url, endpoint_id: null, body },
    { url: null, endpoint_id: id, body },
    { url: null, endpoint_id: null, body },
    { url: longUrl, body },
    { url, body, secret: '' },
    { url, body, secret: 'x'.repeat(512) },
    { url, body, secret: 'x'.repeat(513) },
    { url, body, secret: 'é'.repeat(128) },
    { url, body, secret: '\u{1f4ef}'.repeat(128) },
    { url, body, secret: 'é'.repeat(512) },
    { url, body, send_at: '2026-12-01T12:00:00Z' },
    { url, body, max_attempts: 101 },
    { url, body, idempotency_key: 'é' },
  ].map((json): [string, object] => ['/webhooks/send', json]),
  ...filters.map((filter): [string, object] => ['/webhooks/cancel', { filter, dry_run: true }]),
  ...filters.map((filter): [string, object] => ['/replays', { filter, dry_run: true }]),
  ...[
    { url },
    {},
    { url, description: 'x'.repeat(1_024) },
    { url, description: 'x'.repeat(1_025) },
    { url, description: 'é'.repeat(1_024) },
    { url, secret: 'é'.repeat(512) },
    { url, secret: null },
  ].map((json): [string, object] => ['/endpoints', json]),
];

it.each(bodies)(
  'POST %s %j is taken if the document allows it, and only then',
  async (path, json) => {
    const schema =
      documented.document.paths[path]?.['post']?.requestBody?.content['application/json'].schema;
    const faults = documented.faultsOf(schema ?? {}, json);
    const { status } = await api.ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(json),
    });
    expect([status === 400, faults.slice(0, 1)]).toEqual([faults.length > 0, faults.slice(0, 1)]);
  },
);

describe('query parameters', () => {
  const parameters: readonly [path: string, name: string, value: string][] = [
    ['/webhooks', 'from', '2026-12-01T12:00:00+16:00'],
    ['/webhooks', 'until', '2026-12-01T12:00:00-23:59'],
    ['/webhooks', 'until', '9999-12-31T23:59:59-23:59'],
    ['/webhooks', 'from', '0001-01-01T00:00:00Z'],
    ['/webhooks', 'from', '2026-12-01t12:00:00z'],
    ['/webhooks', 'endpoint_id', id],
    ['/webhooks', 'endpoint_id', id.toUpperCase()],
    ['/webhooks', 'cursor', 'x'],
    ['/stats/endpoints', 'ids', id],
    ['/stats/endpoints', 'ids', `${id},${id}`],
    ['/stats/endpoints', 'ids', `${id},`],
    ['/stats/endpoints', 'ids', 'x'],
  ];

  it.each(parameters)(
    'GET %s?%s=%s is taken if the document allows it',
    async (path, name, value) => {
      const operation = Object(documented.document.paths[path]?.['get']);
      const found: { name: string; schema: { format?: string; pattern?: string } } | undefined =
        operation.parameters.find((parameter: { name: string }) => parameter.name === name);
      const { schema } = found ?? {};
      const isAllowed =
        schema?.format === 'date-time' || new RegExp(schema?.pattern ?? '').test(value);
      const { status, json } = await api.ask(`${path}?${name}=${encodeURIComponent(value)}`);
      expect(status, json.detail).toBe(isAllowed ? 200 : 400);
    },
  );
});

it.each([
  '2026-11-01t00:00:00z',
  '2016-12-31T23:59:60Z',
  '1969-12-31T23:59:59Z',
  '0001-01-01T00:00:00Z',
  '2020-01-01T00:00:00+23:59',
])('send_at %s has passed and so means now', async (sendAt) => {
  const { status, json } = await api.send({ url, body, send_at: sendAt });
  expect(status).toBe(202);
  const { rows } = await database.pool.query<{ is_due: boolean }>(
    'select due_at <= clock_timestamp() as is_due from posthorn.queue where webhook_id = $1',
    [json.id],
  );
  expect(rows).toEqual([{ is_due: true }]);
});
