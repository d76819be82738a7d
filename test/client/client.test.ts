import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import {
  type AnswerSeen,
  type Client,
  createClient,
  type NewWebhook,
  PosthornError,
  type SentWebhook,
} from '../../src/client/index.ts';
import { type Operations, operations } from '../../src/client/operations.ts';
import { serveTestApi, type TestApi } from '../api/served-api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// The client against the real API.

const url = 'https://receiver.example/hook';
let database: TestDatabase;
let api: TestApi;
let client: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
  client = createClient({ baseUrl: `${api.url}/` });
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

it('has a method for each operation of the API, and no other', async () => {
  const { paths } = (await client.showOpenApi()) as { paths?: Record<string, object> };
  const documented = Object.values(paths ?? {}).flatMap((atPath) =>
    Object.values<{ operationId: string }>({ ...atPath }).map(({ operationId }) => operationId),
  );
  // This API serves no metrics.
  expect(Object.keys(client).toSorted()).toEqual([...documented, 'showMetrics'].toSorted());
  expect(Object.keys(operations)).toHaveLength(Object.keys(client).length);
});

describe('a webhook', () => {
  it('is sent, shown, cancelled and sent again', async () => {
    const { id, status } = await client.sendWebhook({
      url,
      body: { type: 'order.created', total: 99.5 },
      headers: { 'X-Shop': '7' },
      send_at: new Date(Date.now() + 86_400_000).toISOString(),
      max_attempts: 3,
    });
    expect(status).toBe('pending');
    const shown = await client.showWebhook({ id });
    expect(shown).toMatchObject({ id, url, status: 'pending', attempts: [] });
    expect(await client.cancelWebhook({ id })).toMatchObject({ id, status: 'cancelled' });
    expect(await client.retryWebhook({ id, force: true })).toMatchObject({ id, status: 'pending' });
  });

  it('with an idempotency key is sent once, and the answer says so', async () => {
    const seen: AnswerSeen[] = [];
    const send = () =>
      client.sendWebhook(
        { url, body: 'a=1', content_type: 'text/plain', idempotency_key: 'order 1' },
        { onAnswer: (answer) => seen.push(answer) },
      );
    expect((await send()).id).toBe((await send()).id);
    expect(seen.map(({ headers }) => headers.get('idempotent-replay'))).toEqual([null, 'true']);
    expect(seen[0]).toMatchObject({ operation: 'sendWebhook', status: 202 });
  });

  it('without one gets a key of its own, unless that is switched off', async () => {
    const own = `${url}/keys`;
    await client.sendWebhook({ url: own, body: 1 });
    await client.sendWebhook({ url: own, body: 1 });
    const plain = createClient({ baseUrl: api.url, makesKeys: false });
    await plain.sendWebhook({ url: own, body: 1 });
    const { rows } = await database.pool.query(
      'select count(idempotency_key)::int as keys, count(*)::int as webhooks from posthorn.outbox where url = $1',
      [own],
    );
    expect(rows).toEqual([{ keys: 2, webhooks: 3 }]);
  });
});

describe('a list', () => {
  beforeEach(() => database.empty());

  it('is its first page when it is awaited, and all items when it is iterated', async () => {
    const sent = new Set<string>();
    for (let n = 0; n < 5; n += 1) sent.add((await client.sendWebhook({ url, body: n })).id);
    const page = await client.listWebhooks({ limit: 2 });
    expect(page.webhooks).toHaveLength(2);
    expect(page.next_cursor).not.toBeNull();
    const seen: string[] = [];
    for await (const webhook of client.listWebhooks({ limit: 2, status: 'pending' })) {
      expectTypeOf(webhook.attempt_count).toEqualTypeOf<number>();
      seen.push(webhook.id);
    }
    expect(seen).toEqual([...sent].toSorted().toReversed());
    for await (const _ of client.listWebhooks({ status: 'failed' })) expect.unreachable();
  });

  it('is paged by name, too', async () => {
    for (const tenant of ['a', 'b', 'c']) await client.createEndpoint({ url, tenant });
    const ids: string[] = [];
    for await (const { id } of client.listTenants({ limit: 1 })) ids.push(id);
    expect(ids).toEqual(['a', 'b', 'c']);
  });

  it('asks for no page that is not needed', async () => {
    for (let n = 0; n < 3; n += 1) await client.sendWebhook({ url, body: n });
    let answers = 0;
    const counted = client.listWebhooks({ limit: 1 }, { onAnswer: () => (answers += 1) });
    for await (const _ of counted) break;
    expect(answers).toBe(1);
  });

  it('throws when it is iterated and cannot be read', async () => {
    const iterate = async () => {
      for await (const _ of client.listWebhooks({ limit: 0 })) expect.unreachable();
    };
    await expect(iterate()).rejects.toMatchObject({ code: 'invalid_limit' });
  });
});

describe('endpoints and events', () => {
  it('are made, changed, used and deleted', async () => {
    const endpoint = await client.createEndpoint({
      url,
      tenant: 'acme',
      subscriptions: [{ event_type: 'order.*' }],
    });
    expect(endpoint.secret).toMatch(/^whsec_/);
    const { id } = endpoint;
    expect(await client.changeEndpoint({ id, max_in_flight: 7 })).toMatchObject({
      max_in_flight: 7,
    });
    const event = { tenant: 'acme', event_type: 'order.paid', body: { total: 1 } };
    const { recipients } = await client.explainRecipients(event);
    expect(recipients).toMatchObject([{ endpoint_id: id }]);
    const published = await client.publishEvent(event);
    const { ids } = await client.publishEvents({ events: [event, event] });
    expect(new Set([published.id, ...ids]).size).toBe(3);
    expect((await client.showEvent({ id: published.id })).recipients).toBe(1);
    expect((await client.pauseEndpoint({ id })).status).toBe('paused');
    expect(await client.deleteEndpoint({ id })).toBeUndefined();
    expect((await client.showEndpoint({ id })).status).toBe('deleted');
  });

  it('may have names that are no words', async () => {
    const tenant = 'a/b?c=ü%20';
    await client.createEndpoint({ url, tenant });
    expect(await client.changeTenant({ tenant, name: 'Acme' })).toMatchObject({ id: tenant });
    expect(await client.showTenant({ tenant })).toMatchObject({ name: 'Acme' });
    for (const wrong of ['', '.', '..']) {
      await expect(client.showTenant({ tenant: wrong })).rejects.toThrow(TypeError);
    }
  });

  it('can be counted before they are replayed', async () => {
    const answer = await client.startReplay({ filter: { url }, dry_run: true });
    expect(answer).toMatchObject({ dry_run: true, matched: 0 });
    const type = await client.saveEventType({ name: 'order.paid', description: 'Paid.' });
    expect(type).toMatchObject({ name: 'order.paid' });
    expect(await client.showReadiness()).toMatchObject({ ready: true });
  });
});

describe('an error', () => {
  it('names everything that is wrong, and the request', async () => {
    const wrong = { url: 'ftp://x', body: 1, priority: 'urgent' } as unknown as NewWebhook;
    const error = await errorOf(client.sendWebhook(wrong));
    expect(error).toMatchObject({
      name: 'PosthornError',
      operation: 'sendWebhook',
      problem: 'invalid_webhook',
      status: 400,
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(error.errors.map(({ pointer }) => pointer)).toEqual(['/url', '/priority']);
    expect(error.message).toBe(`sendWebhook: 400 ${error.code}: ${error.detail}`);
  });

  it('names events that are no list, and ignores parameters that are undefined', async () => {
    const wrong = { events: 'all' } as unknown as Operations['publishEvents']['request'];
    expect(await errorOf(client.publishEvents(wrong))).toMatchObject({
      problem: 'invalid_event',
      errors: [{ pointer: '/events' }],
    });
    const open = { limit: undefined, tenant: undefined } as unknown as { limit: number };
    expect((await client.listWebhooks(open)).webhooks).toBeInstanceOf(Array);
  });

  it('names an unknown query parameter, and a thing that does not exist', async () => {
    const strange = { stat: 'failed' } as unknown as Operations['listWebhooks']['request'];
    expect((await errorOf(client.listWebhooks(strange))).code).toBe('unknown_parameter');
    const id = '01a20a98-d609-7fd8-8299-4c98c49bb8a5';
    expect((await errorOf(client.showWebhook({ id }))).problem).toBe('webhook_not_found');
  });

  it('says that a key is needed, and never which one was given', async () => {
    const environmentKey = `phk_${'k'.repeat(43)}`;
    await using closed = await serveTestApi(database.url, {
      authentication: { auth: 'keys', environmentKey, rateLimitPerS: undefined },
    });
    const withKey = createClient({ baseUrl: closed.url, apiKey: environmentKey });
    expect((await withKey.listWebhooks({ event_type: 'none' })).webhooks).toEqual([]);
    const wrongKey = `phk_${'w'.repeat(43)}`;
    const refused = createClient({ baseUrl: closed.url, apiKey: wrongKey });
    const error = await errorOf(refused.listWebhooks());
    expect(error).toMatchObject({ status: 401, problem: 'unauthenticated' });
    expect(JSON.stringify([error, error.message, error.stack])).not.toContain(wrongKey);
  });
});

it('has types that know each request and each answer', () => {
  expectTypeOf(client.sendWebhook).parameter(0).toEqualTypeOf<NewWebhook>();
  expectTypeOf(client.sendWebhook).returns.resolves.toEqualTypeOf<SentWebhook>();
  expectTypeOf(client.deleteEndpoint).returns.resolves.toEqualTypeOf<undefined>();
  expectTypeOf(client.showMetrics).returns.resolves.toEqualTypeOf<string>();
  // Both of url and endpoint_id, and none of them.
  expectTypeOf({ body: 1 }).not.toExtend<NewWebhook>();
  expectTypeOf({ url, endpoint_id: '1', body: 1 }).not.toExtend<NewWebhook>();
  expectTypeOf({ url, body: { any: 'JSON' } }).toExtend<NewWebhook>();
});

async function errorOf(asked: PromiseLike<unknown>): Promise<PosthornError> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof PosthornError) return error;
    throw error;
  }
  throw new Error('It was answered');
}
