import { afterAll, beforeAll, expect, it } from 'vitest';
import { arrival } from '../../src/api/server.ts';
import { wordsOf } from './case.ts';
import { askRaw, createGround, exchange, type Ground } from './ground.ts';
import { numbered, ownTests } from './numbered.ts';

// Section A: what is about a connection and not about one request on it.

const { titled, numbers } = numbered();

let ground: Ground;

beforeAll(async () => {
  ground = await createGround({
    arrival: { headersTimeout: 500, requestTimeout: 1_000, connectionsCheckingInterval: 100 },
  });
});

afterAll(() => ground[Symbol.asyncDispose]());

const send =
  'POST /webhooks/send HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';

it(
  titled(11, 'a body or a header that does not go on is answered with 408, and nothing is stored'),
  async () => {
    const before = await ground.fingerprint();
    const answers = await Promise.all([
      askRaw(ground.api.port, [`${send}Content-Length: 1000\r\n\r\n{"url":"https://example.com",`]),
      askRaw(ground.api.port, [`${send}Transfer-Encoding: chunked\r\n\r\n5\r\n{"url\r\n`]),
      askRaw(ground.api.port, [`${send}X-Header`]),
    ]);
    for (const answer of answers) {
      expect(wordsOf(answer)).toBe('408 request_timeout');
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(answer.json).toMatchObject({ status: 408, instance: expect.stringMatching(/^\/req/) });
    }
    expect(await ground.fingerprint()).toBe(before);
  },
);

it(
  titled(
    11,
    'the headers of a request must come within 10 s, all of it within 30 s, and both are looked at every 2 s',
  ),
  () => {
    expect(arrival).toEqual({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 2_000,
    });
  },
);

it(titled(11, 'a body that is cut off is stored by nobody'), async () => {
  const before = await ground.fingerprint();
  const request = `${send}Content-Length: 1000\r\n\r\n{"url":"https://example.com",`;
  await exchange(ground.api.port, [request], { isCutOff: true });
  expect(await ground.fingerprint()).toBe(before);
  expect(ground.api.logged).toEqual([]);
});

it.each([
  'POST /replays',
  'POST /endpoints',
  'PATCH /endpoints/{endpoint}',
  'POST /webhooks/{failed}/retry',
])(
  titled(
    10,
    'after a body that is too large, %s goes on with the next request on the same connection',
  ),
  async (request) => {
    const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
    const text = await exchange(ground.api.port, [
      ground.fill(`${request} HTTP/1.1\r\n`),
      'Host: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      `${chunk.repeat(30)}0\r\n\r\n`,
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ]);
    expect(text).toMatch(/"code":"body_too_large".*\{"ok":true\}/s);
  },
);

it('has a test of each number that is not in the tables', () => {
  expect(numbers()).toEqual(ownTests.connections);
});
