import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { version } from '../../src/version.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Documented, documentOf } from './documented.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

let database: TestDatabase;
let api: TestApi;
let documented: Documented;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
  const { text } = await api.ask('/openapi.json');
  documented = documentOf(JSON.parse(text));
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

const operations = () =>
  Object.entries(documented.document.paths).flatMap(([path, atPath]) =>
    Object.entries(atPath).map(([method, operation]) => ({ path, method, ...operation })),
  );

describe('GET /openapi.json', () => {
  it('is a valid OpenAPI 3.1 document, by the schema of the OpenAPI Initiative', async () => {
    const document = JSON.parse((await api.ask('/openapi.json')).text);
    const result = await new Validator().validate(structuredClone(document));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version } });
  });

  it('names every route of the app but the files of the dashboard, and no others', () => {
    const app = createApi({
      pool: api.pool,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      readiness: async () => ({ ready: true, checks: {} }),
      settings: [],
      authentication: { auth: 'off', environmentKey: undefined, rateLimitPerS: undefined },
      cursorKey: Buffer.from('a key'),
    });
    const answered = app.routes
      .filter(
        ({ method, path }) => method !== 'ALL' && path !== '/' && !path.startsWith('/dashboard'),
      )
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    const named = operations().map(({ path, method }) => `${method.toUpperCase()} ${path}`);
    expect(named.toSorted()).toEqual(
      answered.filter((route) => !route.endsWith('/docs')).toSorted(),
    );
  });

  it('gives each operation a name of its own', () => {
    const names = operations().map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
  });

  it('refers to nothing that is not there', () => {
    const text = JSON.stringify(documented.document);
    const { schemas, responses } = documented.document.components;
    for (const [, kind, name = ''] of text.matchAll(
      /"#\/components\/(schemas|responses)\/(\w+)"/g,
    )) {
      expect(Object.keys(kind === 'schemas' ? schemas : responses)).toContain(name);
    }
  });

  it('has examples that its schemas allow and the API takes', async () => {
    const endpoint = await api.ask(
      '/endpoints',
      json('POST', { url: 'http://127.0.0.1:9/a', tenant: 'acme' }),
    );
    const webhook = await api
      .send({ url: 'http://127.0.0.1:9/b', body: 1, send_at: '2999-01-01T00:00:00Z' })
      .then(() => api.send({ url: 'http://127.0.0.1:9/b', body: 1 }));
    const idOf: Readonly<Record<string, string>> = {
      endpoints: endpoint.json.id,
      webhooks: webhook.json.id,
      tenants: 'acme',
      'event-types': 'order.paid',
    };
    const tried = operations().filter(({ requestBody }) => requestBody !== undefined);
    expect(tried.length).toBeGreaterThan(12);
    for (const { path, method, operationId, requestBody } of tried) {
      const { schema = {}, example } = requestBody?.content['application/json'] ?? {};
      expect(documented.faultsOf(schema, example), operationId).toEqual([]);
      const at = path.replace(/\{\w+\}/, idOf[path.split('/')[1] ?? ''] ?? '');
      const given =
        operationId === 'createSubscription'
          ? { ...Object(example), endpoint_id: endpoint.json.id }
          : example;
      const { status } = await api.ask(at, json(method.toUpperCase(), given));
      // resume and enable: it is neither paused nor disabled, or was before.
      expect([200, 201, 202, 409], operationId).toContain(status);
    }
  });

  it('is there without a key, and describes how to give one', async () => {
    await using closed = await serveTestApi(database.url, {
      authentication: {
        auth: 'keys',
        environmentKey: `phk_${'k'.repeat(43)}`,
        rateLimitPerS: undefined,
      },
    });
    expect((await closed.ask('/webhooks')).status).toBe(401);
    const { status, text } = await closed.ask('/openapi.json');
    expect(status).toBe(200);
    expect(JSON.parse(text).components.securitySchemes.apiKey.scheme).toBe('bearer');
  });
});

describe('an answer that is not as it is documented', () => {
  const answer = (status: number, body: object, type = 'application/json') => ({
    status,
    headers: new Headers({ 'content-type': type }),
    text: JSON.stringify(body),
  });

  it.each([
    ['of another status', answer(418, {})],
    ['of another type', answer(200, {}, 'text/html')],
    ['without a member', answer(202, { id: '00000000-0000-7000-8000-000000000000' })],
    [
      'with a member too many',
      answer(202, { id: '00000000-0000-7000-8000-000000000000', status: 'pending', secret: 1 }),
    ],
    [
      'with another status of the webhook',
      answer(202, { id: '00000000-0000-7000-8000-000000000000', status: 'lost' }),
    ],
    ['with an id that is none', answer(202, { id: '1', status: 'pending' })],
    [
      'with a problem of another route',
      answer(
        400,
        {
          type: 'urn:posthorn:problem:invalid_endpoint',
          title: '',
          status: 400,
          detail: '',
          code: '',
          instance: '',
        },
        'application/problem+json',
      ),
    ],
  ])('is noticed: %s', (_, given) => {
    const check = () => documented.check({ method: 'POST', path: '/webhooks/send', answer: given });
    expect(check).toThrow(/sendWebhook answers/);
  });
});

function json(method: string, body: unknown): RequestInit {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
