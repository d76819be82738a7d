import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  answer,
  closedPort,
  type ReceivedRequest,
  startReceiver,
} from '../../harness/receivers.ts';
import {
  type ClientOptions,
  createClient,
  type Operations,
  PosthornError,
} from '../../src/client/index.ts';
import { pause, retryDelayMs } from '../../src/client/retry.ts';
import { serveTestApi, type TestApi } from '../api/served-api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// What the client does when it gets no answer, or a bad one.

const url = 'https://receiver.example/hook';
const sent = { id: '01a20a98-d609-7fd8-8299-4c98c49bb8a5', status: 'pending' };
const json = { 'content-type': 'application/json' };

/** A server that answers with these texts, one after the other; null: it closes the connection. The last one stays. */
async function answering(texts: readonly (string | null)[]) {
  return await startReceiver({
    onRequest: (socket, { number }) => {
      const text = texts[Math.min(number, texts.length) - 1];
      if (typeof text === 'string') socket.write(text);
      else socket.destroy();
    },
  });
}

function problem(status: number, name: string, headers: Record<string, string> = {}): string {
  const body = JSON.stringify({
    type: `urn:posthorn:problem:${name}`,
    ...{ title: name, status, detail: 'Why.', code: name, instance: '/requests/1' },
  });
  return answer(status, {
    body,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
}

const accepted = answer(202, { body: JSON.stringify(sent), headers: json });
const clientOf = ({ port }: { port: number }, options: Partial<ClientOptions> = {}) =>
  createClient({ baseUrl: `http://127.0.0.1:${port}`, retryDelayMs: 1, ...options });

describe('a webhook', () => {
  it.each([
    ['the connection breaks off', null],
    ['the API is too busy', problem(503, 'too_busy')],
    ['the database is too slow', problem(504, 'timeout')],
    [
      'a proxy finds nobody',
      answer(502, { body: '<html>', headers: { 'content-type': 'text/html' } }),
    ],
    ['there are too many requests', problem(429, 'too_many_requests', { 'retry-after': '0' })],
  ])('is sent again with the same key when %s', async (_, first) => {
    await using server = await answering([first, first, accepted]);
    expect(await clientOf(server).sendWebhook({ url, body: 1 })).toEqual(sent);
    expect(server.requests).toHaveLength(3);
    const [key, ...others] = server.requests.map(({ headers }) => headers['idempotency-key']);
    expect(key).toMatch(/^[0-9a-f-]{36}$/);
    expect(others).toEqual([key, key]);
  });

  it('is sent again with the key of the caller, which stays in the body', async () => {
    await using server = await answering([null, accepted]);
    await clientOf(server, { makesKeys: false }).sendWebhook({
      url,
      body: 1,
      idempotency_key: 'k',
    });
    expect(server.requests.map(bodyOf)).toEqual(
      Array(2).fill({ url, body: 1, idempotency_key: 'k' }),
    );
    expect(server.requests[0]?.headers['idempotency-key']).toBeUndefined();
  });

  it('is not sent again without a key', async () => {
    await using server = await answering([null]);
    const client = clientOf(server, { makesKeys: false });
    const error = await errorOf(client.sendWebhook({ url, body: 1 }));
    expect(error).toMatchObject({ problem: 'no_answer', status: undefined });
    expect(server.requests).toHaveLength(1);
  });

  it('is not sent again because the caller throws when an answer is seen', async () => {
    await using server = await answering([accepted]);
    const onAnswer = () => {
      throw new Error('of the caller');
    };
    await expect(clientOf(server).sendWebhook({ url, body: 1 }, { onAnswer })).rejects.toThrow(
      'of the caller',
    );
    expect(server.requests).toHaveLength(1);
  });

  it('is given up after the last retry', async () => {
    await using server = await answering([problem(503, 'too_busy')]);
    const error = await errorOf(clientOf(server, { retries: 3 }).sendWebhook({ url, body: 1 }));
    expect(error).toMatchObject({ status: 503, problem: 'too_busy', detail: 'Why.' });
    expect(server.requests).toHaveLength(4);
  });
});

it('events of a batch get a key each, and keep those that they have', async () => {
  const events = [{ event_type: 'a' }, { event_type: 'b', idempotency_key: 'mine' }].map(
    (event) => ({
      body: 1,
      ...event,
    }),
  );
  await using server = await answering([null, answer(202, { body: '{"ids":[]}', headers: json })]);
  await clientOf(server).publishEvents({ events });
  const [first, second] = server.requests.map(bodyOf);
  expect(first).toEqual(second);
  const keys = (first as { events: { idempotency_key: string }[] }).events.map(
    (event) => event.idempotency_key,
  );
  expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}-0$/), 'mine']);

  await using other = await answering([null]);
  await errorOf(clientOf(other, { makesKeys: false }).publishEvents({ events }));
  expect(other.requests).toHaveLength(1);
});

it('what the API will refuse as an event or a key is sent as it is, and gets no key of the client', async () => {
  await using server = await answering([
    answer(202, { body: JSON.stringify({ ids: [] }), headers: json }),
  ]);
  const event = { event_type: 'order.paid', body: 1 };
  const events = [{ ...event, idempotency_key: 42 }, { ...event, idempotency_key: '' }, 'x', null];
  const wrong = { events } as unknown as Operations['publishEvents']['request'];
  await clientOf(server).publishEvents(wrong);
  expect(server.requests.map(bodyOf)).toEqual([{ events }]);
  await clientOf(server).sendWebhook({ url, body: 1, idempotency_key: '' });
  expect(server.requests[1]?.headers['idempotency-key']).toBeUndefined();
});

it('what would do harm twice is not sent twice, except after a 429', async () => {
  const id = sent.id;
  await using broken = await answering([null]);
  for (const asked of [
    clientOf(broken).deleteEndpoint({ id }),
    clientOf(broken).createEndpoint({ url }),
    clientOf(broken).startReplay({ filter: { url } }),
  ]) {
    expect((await errorOf(asked)).problem).toBe('no_answer');
  }
  expect(broken.requests).toHaveLength(3);
  await using busy = await answering([problem(429, 'too_many_requests'), answer(204)]);
  expect(await clientOf(busy).deleteEndpoint({ id })).toBeUndefined();
});

it('what reads, and PUT, is asked for again', async () => {
  await using server = await answering([null, answer(200, { body: '{}', headers: json })]);
  await clientOf(server).showStats();
  await using other = await answering([null, answer(200, { body: '{}', headers: json })]);
  await clientOf(other).saveEventType({ name: 'a' });
  expect([server.requests.length, other.requests.length]).toEqual([2, 2]);
});

it('nobody waits for an hour: the error says when', async () => {
  await using server = await answering([problem(429, 'tenant_full', { 'retry-after': '3600' })]);
  const error = await errorOf(clientOf(server).sendWebhook({ url, body: 1 }));
  expect(error).toMatchObject({ problem: 'tenant_full', retryAfterMs: 3_600_000 });
  expect(server.requests).toHaveLength(1);
});

describe('a wait', () => {
  it('ends at the time limit, of each try', async () => {
    await using server = await startReceiver({ onRequest: () => {} });
    const client = clientOf(server, { timeoutMs: 50, retries: 1 });
    const error = await errorOf(client.listWebhooks());
    expect(error.detail).toBe('GET /webhooks was not answered within 50 ms');
    expect(server.requests).toHaveLength(2);
  });

  it('ends at the time limit in the middle of an answer', async () => {
    await using server = await startReceiver({
      onRequest: (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{'),
    });
    const error = await errorOf(clientOf(server).listWebhooks({}, { timeoutMs: 50, retries: 0 }));
    expect(error.detail).toContain('within 50 ms');
  });

  it('ends with the signal of the caller, and no other request begins', async () => {
    const aborting = new AbortController();
    const reason = new Error('enough');
    await using server = await startReceiver({ onRequest: () => aborting.abort(reason) });
    const client = clientOf(server, { signal: aborting.signal });
    await expect(client.listWebhooks()).rejects.toBe(reason);
    await expect(client.listWebhooks()).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });

  it('for a retry ends with the signal of the caller, also when that was aborted before', async () => {
    const aborting = new AbortController();
    const pausing = pause(60_000, aborting.signal);
    aborting.abort(new Error('enough'));
    await expect(pausing).rejects.toThrow('enough');
    await expect(pause(60_000, aborting.signal)).rejects.toThrow('enough');
    await pause(1, new AbortController().signal);
  });

  it('is longer each time, within bounds, and never shorter than was asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 0, max: 30_000 }),
        (retry, random, retryAfterMs) => {
          const delayMs = retryDelayMs({ retry, firstMs: 500, retryAfterMs, random }) ?? 0;
          const mostMs = Math.min(30_000, 500 * 2 ** (retry - 1));
          expect(delayMs).toBeGreaterThanOrEqual(Math.max(retryAfterMs, mostMs / 2));
          expect(delayMs).toBeLessThanOrEqual(Math.max(retryAfterMs, mostMs));
        },
      ),
    );
    expect(retryDelayMs({ retry: 1, firstMs: 1, retryAfterMs: 30_001, random: 0 })).toBeUndefined();
  });
});

describe('an answer that is not one of Posthorn', () => {
  it.each([
    [
      'a page',
      answer(200, { body: '<html>', headers: { 'content-type': 'text/html' } }),
      '200 with text/html',
    ],
    ['broken JSON', answer(200, { body: '{', headers: json }), '200 with application/json'],
    [
      'another API',
      answer(404, { body: '{"error":1}', headers: json }),
      '404 with application/json',
    ],
    [
      'a redirect',
      answer(302, { headers: { location: 'https://other.example/' } }),
      'the answer was 302',
    ],
  ])('is named: %s', async (_, text, named) => {
    await using server = await answering([text]);
    const error = await errorOf(clientOf(server).listWebhooks());
    expect(error.problem).toBe('unexpected_answer');
    expect(error.detail).toContain(named);
    expect(error.detail).toContain('Look at baseUrl');
    expect(server.requests).toHaveLength(1);
  });

  it('is none, and the error says why', async () => {
    const error = await errorOf(clientOf({ port: await closedPort() }, { retries: 0 }).showStats());
    expect(error.message).toBe('showStats: no_answer: GET /stats was not answered: ECONNREFUSED');
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('is an answer with 503 of a process that is not ready', async () => {
    const body = '{"ready":false,"checks":{"database":"unreachable"}}';
    await using server = await answering([answer(503, { body, headers: json })]);
    expect(await clientOf(server).showReadiness()).toEqual(JSON.parse(body));
    expect(server.requests).toHaveLength(1);
  });

  it('is text of metrics, and of nothing else', async () => {
    const headers = { 'content-type': 'text/plain; version=0.0.4' };
    await using server = await answering([
      answer(200, { body: 'up 1\n', headers }),
      answer(404, { body: 'nothing here', headers }),
      answer(200, { body: 'hello', headers }),
    ]);
    const client = clientOf(server);
    expect(await client.showMetrics()).toBe('up 1\n');
    expect((await errorOf(client.showMetrics())).detail).toContain('404 with text/plain');
    expect((await errorOf(client.listWebhooks())).detail).toContain('200 with text/plain');
  });
});

describe('an option that cannot be used', () => {
  const key = 'phk_secret\nkey';
  it.each<[string, Partial<ClientOptions>, RegExp]>([
    ['no address', { baseUrl: undefined }, /baseUrl must be .*: it is undefined/],
    ['no URL', { baseUrl: 'localhost:8080' }, /baseUrl must be/],
    ['a password in it', { baseUrl: 'http://a:hunter2@x' }, /without user name, password/],
    ['a query in it', { baseUrl: 'http://x/?a=1' }, /baseUrl must be/],
    ['a key that is no header', { apiKey: key }, /apiKey must be printable ASCII/],
    ['an empty key', { apiKey: '' }, /apiKey must be/],
    ['a number that is none', { retries: Number.NaN }, /retries must be a number/],
    ['a time that is too long', { timeoutMs: 2 ** 31 }, /timeoutMs must be a number from 0 to/],
  ])('is a TypeError that shows no secret: %s', (_, options, message) => {
    const create = () => createClient({ baseUrl: 'http://x', ...options });
    expect(create).toThrow(TypeError);
    expect(create).toThrow(message);
    expect(create).not.toThrow(/hunter2|secret/);
  });
});

describe('with the real API', () => {
  let database: TestDatabase;
  let api: TestApi;
  beforeAll(async () => {
    database = await createTestDatabase();
    api = await serveTestApi(database.url);
  });
  afterAll(async () => {
    await api.close();
    await database.drop();
  });

  it('a webhook whose answer is lost is there once', async () => {
    let tries = 0;
    const losing: typeof fetch = async (...request) => {
      const response = await fetch(...request);
      tries += 1;
      if (tries > 2) return response;
      await response.text();
      throw new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } });
    };
    const client = createClient({ baseUrl: api.url, fetch: losing, retryDelayMs: 1 });
    const { id } = await client.sendWebhook({ url, body: 1 });
    expect(tries).toBe(3);
    const { rows } = await database.pool.query('select id from posthorn.outbox');
    expect(rows).toEqual([{ id }]);
  });
});

function bodyOf({ body }: ReceivedRequest): unknown {
  return JSON.parse(body.toString());
}

async function errorOf(asked: PromiseLike<unknown>): Promise<PosthornError> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof PosthornError) return error;
    throw error;
  }
  throw new Error('It was answered');
}
