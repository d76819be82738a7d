import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { unknownId } from '../support/unknown-id.ts';
import { type Answer, serveTestApi, type TestApi } from './served-api.ts';

// How large a request may be, to the byte, whether it says so beforehand or not; and from where it may come.

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url, { bodyLimitBytes: 1_000 });
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

const url = 'https://example.com/hooks';
const id = unknownId();

/** The same JSON with blanks behind it, so that it has this many bytes. */
async function askWith(
  request: string,
  { json, bytes, isChunked }: { json: object; bytes: number; isChunked: boolean },
): Promise<Answer> {
  const [method = '', path = ''] = request.split(' ');
  const body = Buffer.from(JSON.stringify(json).padEnd(bytes, ' '));
  const stream = new ReadableStream({
    start(controller) {
      for (let at = 0; at < body.length; at += 10_000) {
        controller.enqueue(body.subarray(at, at + 10_000));
      }
      controller.close();
    },
  });
  const headers = { 'content-type': 'application/json' };
  return await api.ask(path, {
    method,
    headers,
    ...(isChunked ? { body: stream, duplex: 'half' } : { body }),
  } as RequestInit);
}

describe.each([
  // 6 times the limit of a body, and 64 KiB for the rest.
  ['POST /webhooks/send', { url, body: 1 }, 71_536, 202],
  [`POST /endpoints/${id}/test`, { body: 1 }, 71_536, 404],
  ['POST /endpoints', { url }, 65_536, 201],
  [`PATCH /endpoints/${id}`, { ordered: true }, 65_536, 404],
  [`POST /endpoints/${id}/pause`, {}, 65_536, 404],
  [`POST /endpoints/${id}/secret/rotate`, {}, 65_536, 404],
  [`POST /webhooks/${id}/retry`, {}, 4_096, 404],
  [`POST /webhooks/${id}/cancel`, {}, 4_096, 404],
  ['POST /webhooks/cancel', { filter: { url }, dry_run: true }, 131_072, 200],
  ['POST /replays', { filter: { url }, dry_run: true }, 131_072, 200],
])('%s', (request, json, most, status) => {
  it.each([false, true])(
    `takes ${most} bytes and not one more, in chunks: %s`,
    async (isChunked) => {
      const full = await askWith(request, { json, bytes: most, isChunked });
      expect(full.status).toBe(status);
      const over = await askWith(request, { json, bytes: most + 1, isChunked });
      expect([over.status, over.json.code]).toEqual([413, 'body_too_large']);
      expect(over.json.detail).toContain(`at most ${most} bytes`);
    },
  );
});

it('a body that was not asked for may have 64 KiB, which are passed over', async () => {
  for (const isChunked of [false, true]) {
    const request = `DELETE /endpoints/${id}`;
    const full = await askWith(request, { json: {}, bytes: 65_536, isChunked });
    expect([full.status, full.json.code]).toEqual([404, 'endpoint_not_found']);
    const over = await askWith(request, { json: {}, bytes: 65_537, isChunked });
    expect([over.status, over.json.code]).toEqual([400, 'invalid_request']);
    expect(over.json.detail).toContain('be left out: it is large');
  }
});

it.each([
  ['application/json', undefined, 202],
  ['APPLICATION/JSON', 'Identity', 202],
  ['application/json; charset=utf-8', 'identity', 202],
  ['application/json;charset="UTF-8"', undefined, 202],
  ['application/json;', undefined, 202],
  ['application/json; charset=latin1', undefined, 415],
  ['application/jsonp', undefined, 415],
  ['text/json', undefined, 415],
  ['text/plain', undefined, 415],
  ['application/json', 'gzip', 415],
  ['application/json', 'identity, gzip', 415],
])('a body that is %s, encoded as %s, is answered %i', async (type, encoding, status) => {
  const headers: Record<string, string> = { 'content-type': type };
  if (encoding !== undefined) headers['content-encoding'] = encoding;
  const answer = await api.send({ url, body: 1 }, headers);
  expect(answer.status).toBe(status);
  if (status === 202) return;
  const isType = encoding === undefined;
  expect(answer.headers.get('accept')).toBe(isType ? 'application/json' : null);
  expect(answer.headers.get('accept-encoding')).toBe(isType ? null : 'identity');
});

describe('a request from a page', () => {
  const from = (
    headers: Record<string, string>,
    method = 'POST',
    path = `/endpoints/${id}/pause`,
  ) => api.ask(path, { method, headers }).then(({ status, json }) => json.code ?? status);
  const own = () => `http://127.0.0.1:${api.port}`;

  it.each([
    ['a program, which says nothing', {}, 'endpoint_not_found'],
    ['our own page', { 'sec-fetch-site': 'same-origin' }, 'endpoint_not_found'],
    ['the address bar', { 'sec-fetch-site': 'none' }, 'endpoint_not_found'],
    ['another site', { 'sec-fetch-site': 'cross-site' }, 'cross_origin'],
    ['a neighbour', { 'sec-fetch-site': 'same-site' }, 'cross_origin'],
    ['who says nonsense', { 'sec-fetch-site': 'x' }, 'cross_origin'],
    ['another origin', { origin: 'https://evil.example' }, 'cross_origin'],
    ['no origin', { origin: 'null' }, 'cross_origin'],
    ['our host at another port', { origin: 'http://127.0.0.1:1' }, 'cross_origin'],
    [
      'behind a proxy that changes the host',
      { origin: 'https://hooks.example', 'sec-fetch-site': 'same-origin' },
      'endpoint_not_found',
    ],
  ])('is judged by where it comes from: %s', async (_, headers, becomes) => {
    expect(await from(headers)).toBe(becomes);
  });

  it('that an old browser sends says our origin, or is refused', async () => {
    expect(await from({ origin: own() })).toBe('endpoint_not_found');
    expect(await from({ origin: own(), 'sec-fetch-site': 'cross-site' })).toBe('cross_origin');
  });

  it('changes nothing by any method, and may look', async () => {
    const other = { 'sec-fetch-site': 'cross-site' };
    for (const method of ['DELETE', 'PATCH', 'PUT']) {
      expect(await from(other, method, `/endpoints/${id}`)).toBe('cross_origin');
    }
    expect(await from(other, 'GET', '/endpoints')).toBe(200);
    expect((await api.ask('/endpoints', { method: 'HEAD', headers: other })).status).toBe(200);
    // No answer lets a page of another site read it.
    const { headers } = await api.ask('/endpoints', { headers: { origin: 'https://a.example' } });
    expect(headers.get('access-control-allow-origin')).toBe(null);
  });
});
