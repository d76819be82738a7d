import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, serveTestApi, type TestApi } from './served-api.ts';

const url = 'https://example.com/hooks';

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

// Whatever is refused leaves nothing.
afterEach(async () => {
  const { rows } = await database.pool.query(
    'select 1 from posthorn.outbox union all select 1 from posthorn.queue union all select 1 from posthorn.idempotency_keys',
  );
  expect(rows).toHaveLength(0);
});

function expectProblem(answer: Answer, expected: { status: number; code: string }): void {
  expect(answer.json).toMatchObject(expected);
  expect(answer.status).toBe(expected.status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.json.type).toMatch(/^urn:posthorn:problem:[a-z0-9_]+$/);
  expect(answer.json.title).toBeTypeOf('string');
  expect(answer.json.detail).toMatch(/^Cannot .+ as /);
  expect(answer.json.instance).toBe(`/requests/${answer.headers.get('x-request-id')}`);
}

describe('a body that is no JSON object', () => {
  it.each([
    ['empty_body', ''],
    ['invalid_json', '{"url":'],
    ['invalid_json', '\ufeff{}'],
    ['invalid_json', '{"a":NaN}'],
    ['not_an_object', '[1]'],
    ['not_an_object', '"text"'],
    ['duplicate_key', `{"url":"${url}","body":1,"url":"${url}"}`],
    ['too_deep', `{"body":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
  ])('is refused with %s: %.40s', async (code, body) => {
    expectProblem(await api.send(body), { status: 400, code });
  });

  it('is refused with invalid_utf8 when it is not UTF-8', async () => {
    const body = Buffer.concat([
      Buffer.from(`{"url":"${url}","body":"`),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    const answer = await api.ask('/webhooks/send', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expectProblem(answer, { status: 400, code: 'invalid_utf8' });
  });
});

describe('a field', () => {
  const long = `https://example.com/${'a'.repeat(2_100)}`;

  it.each<[string, string, Record<string, unknown>]>([
    ['missing_url', '/url', { url: undefined }],
    ['missing_body', '/body', { body: undefined }],
    ['unknown_field', '/urll', { urll: 'x' }],
    ['unknown_field', '/a~1b~0', { 'a/b~': 'x' }],
    ['missing_url', '/url', { url: null }],
    ['missing_url', '/url', { url: undefined, endpoint_id: null }],
    [
      'url_and_endpoint_id',
      '/endpoint_id',
      { endpoint_id: '01a20d7f-4449-7506-bf90-21b36e74e172' },
    ],
    ['invalid_endpoint_id', '/endpoint_id', { url: null, endpoint_id: 'x' }],
    [
      'outbox_endpoint_id_is_registered',
      '/endpoint_id',
      { url: null, endpoint_id: '01a20d7f-4449-7506-bf90-21b36e74e172' },
    ],
    ['invalid_url', '/url', { url: 1 }],
    ['invalid_url', '/url', { url: '/relative' }],
    ['invalid_url', '/url', { url: 'example.com' }],
    ['invalid_url', '/url', { url: 'http:example.com' }],
    ['invalid_url', '/url', { url: 'ftp://example.com/' }],
    ['invalid_url', '/url', { url: 'javascript:alert(1)' }],
    ['invalid_url', '/url', { url: 'file:///etc/passwd' }],
    ['invalid_url', '/url', { url: ' https://example.com/' }],
    ['invalid_url', '/url', { url: 'https://exam\nple.com/' }],
    ['invalid_url', '/url', { url: 'https:\\\\example.com' }],
    ['invalid_url', '/url', { url: 'https://user:pass@example.com/' }],
    ['invalid_url', '/url', { url: 'https://user@example.com/' }],
    ['invalid_url', '/url', { url: 'https://example.com/#' }],
    ['invalid_url', '/url', { url: 'https://example.com/#x' }],
    ['invalid_url', '/url', { url: 'https://example.com:65536/' }],
    ['invalid_url', '/url', { url: 'https://exa mple.com/' }],
    ['invalid_url', '/url', { url: 'https://%00/' }],
    ['invalid_url', '/url', { url: 'https:///path' }],
    ['outbox_url_is_at_most_2048_bytes', '/url', { url: long }],
    ['invalid_body', '/body', { body: 'a\0' }],
    ['invalid_headers', '/headers', { headers: [] }],
    ['invalid_headers', '/headers/a', { headers: { a: 1 } }],
    ['invalid_headers', '/headers/a', { headers: { a: '\0' } }],
    ['outbox_headers_values_are_printable_ascii', '/headers/a', { headers: { a: 'b\r\nc: d' } }],
    ['outbox_headers_names_are_tokens', '/headers/a b', { headers: { 'a b': 'c' } }],
    ['outbox_headers_names_are_not_reserved', '/headers/Host', { headers: { Host: 'x' } }],
    ['outbox_headers_names_are_unique', '/headers/A', { headers: { a: '1', A: '2' } }],
    ['invalid_secret', '/secret', { secret: 1 }],
    ['outbox_secret_is_1_to_512_bytes', '/secret', { secret: '' }],
    ['outbox_secret_is_base64_after_whsec', '/secret', { secret: 'whsec_!!!' }],
    ['invalid_priority', '/priority', { priority: 'urgent' }],
    ['invalid_priority', '/priority', { priority: 1 }],
    ['outbox_content_type_is_media_type', '/content_type', { content_type: 'json' }],
    ['invalid_send_at', '/send_at', { send_at: 'tomorrow' }],
    ['invalid_send_at', '/send_at', { send_at: 'infinity' }],
    ['invalid_send_at', '/send_at', { send_at: '2030-01-01T00:00:00' }],
    ['invalid_send_at', '/send_at', { send_at: '2030-02-30T00:00:00Z' }],
    ['invalid_send_at', '/send_at', { send_at: '2030-01-01T00:00:60Z' }],
    ['invalid_send_at', '/send_at', { send_at: '0000-01-01T00:00:00Z' }],
    ['invalid_send_at', '/send_at', { send_at: 1893456000 }],
    ['outbox_send_at_is_within_a_year', '/send_at', { send_at: '2999-01-01T00:00:00Z' }],
    ['invalid_max_attempts', '/max_attempts', { max_attempts: 0 }],
    ['invalid_max_attempts', '/max_attempts', { max_attempts: -1 }],
    ['invalid_max_attempts', '/max_attempts', { max_attempts: 101 }],
    ['invalid_max_attempts', '/max_attempts', { max_attempts: 1.5 }],
    ['invalid_max_attempts', '/max_attempts', { max_attempts: '3' }],
    ['invalid_max_attempts', '/max_attempts', { max_attempts: 1e99 }],
    ['invalid_idempotency_key', '/idempotency_key', { idempotency_key: '' }],
    ['invalid_idempotency_key', '/idempotency_key', { idempotency_key: 'ä' }],
    ['invalid_idempotency_key', '/idempotency_key', { idempotency_key: 'a'.repeat(12_000) }],
    ['invalid_traceparent', '/traceparent', { traceparent: 1 }],
    ['outbox_traceparent_is_w3c', '/traceparent', { traceparent: '00-x-y-01' }],
  ])('is refused with %s at %s: %j', async (code, pointer, change) => {
    const answer = await api.send({ url, body: 1, ...change });
    expectProblem(answer, { status: 400, code });
    expect(answer.json.errors).toMatchObject([{ pointer, code }]);
  });

  it('that is the body, a string with a lone surrogate, is refused: UTF-8 has none', async () => {
    const answer = await api.send(`{"url":"${url}","body":"\\ud800"}`);
    expectProblem(answer, { status: 400, code: 'invalid_body' });
  });

  it('that is the headers is refused when a name comes twice: jsonb would drop one', async () => {
    const answer = await api.send(`{"url":"${url}","body":1,"headers":{"a":"1","a":"2"}}`);
    expectProblem(answer, { status: 400, code: 'invalid_headers' });
  });

  it('named __proto__ is unknown like any other', async () => {
    const answer = await api.send(`{"url":"${url}","body":1,"__proto__":{"secret":"x"}}`);
    expectProblem(answer, { status: 400, code: 'unknown_field' });
  });

  it('is one of all that are wrong', async () => {
    const { json } = await api.send({ url: 'x', priority: 'y', z: 1 });
    expect(json.errors.map(({ code }) => code)).toEqual([
      'invalid_url',
      'invalid_priority',
      'unknown_field',
      'missing_body',
    ]);
  });

  it('is not repeated when it may be a secret', async () => {
    const secrets = {
      url: 'https://user:hunter2@example.com/?token=hunter2',
      secret: 'whsec_hunter2',
      headers: { Authorization: 'hunter2\n', a: 1 },
      body: 'hunter2\0',
    };
    for (const [name, value] of Object.entries(secrets)) {
      const { status, text } = await api.send({ url, body: 1, [name]: value });
      expect(status).toBe(400);
      expect(text).not.toContain('hunter2');
    }
    expect(JSON.stringify(api.logged)).not.toContain('hunter2');
  });
});

describe('the header Idempotency-Key', () => {
  it.each([
    ['invalid_idempotency_key', ''],
    ['invalid_idempotency_key', 'a'.repeat(256)],
    ['invalid_idempotency_key', '\u00e4'],
    ['idempotency_keys_differ', 'other'],
  ])('is refused with %s: %.20s', async (code, key) => {
    const answer = await api.send(
      { url, body: 1, idempotency_key: 'field' },
      { 'Idempotency-Key': key },
    );
    expectProblem(answer, { status: 400, code });
    expect(answer.json.errors).toMatchObject([{ header: 'Idempotency-Key', code }]);
  });
});

describe('the media type', () => {
  const body = JSON.stringify({ url, body: 1 });

  it.each<[string, Record<string, string>]>([
    ['none', {}],
    ['another', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['another charset', { 'content-type': 'application/json; charset=latin1' }],
    ['compressed', { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
  ])('is refused: %s', async (_what, headers) => {
    // As bytes, so that fetch sets no type of its own.
    const answer = await api.ask('/webhooks/send', {
      method: 'POST',
      headers,
      body: Buffer.from(body),
    });
    expectProblem(answer, { status: 415, code: 'unsupported_media_type' });
  });
});

describe('a request larger than the limit', () => {
  const larger = Buffer.alloc(256 * 1024 * 6 + 65_537, 0x20);

  it('is refused by its Content-Length', async () => {
    const answer = await api.send(larger.toString());
    expectProblem(answer, { status: 413, code: 'body_too_large' });
  });

  it('is refused when it comes in chunks', async () => {
    const chunks = new ReadableStream({
      start(controller) {
        for (let at = 0; at < larger.length; at += 65_536) {
          controller.enqueue(larger.subarray(at, at + 65_536));
        }
        controller.close();
      },
    });
    const answer = await api.ask('/webhooks/send', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: chunks,
      duplex: 'half',
    } as RequestInit);
    expectProblem(answer, { status: 413, code: 'body_too_large' });
  });

  it('is one whose body is over 256 KiB, which is the default', async () => {
    const answer = await api.send({ url, body: 'a'.repeat(256 * 1024 + 1) });
    expectProblem(answer, { status: 413, code: 'body_too_large' });
  });
});

it('refuses query parameters, which it would ignore', async () => {
  const answer = await api.ask('/webhooks/send?secret=x', { method: 'POST' });
  expectProblem(answer, { status: 400, code: 'unknown_parameter' });
});
