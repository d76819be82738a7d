import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  answer,
  drip,
  endless,
  type ReceiverOptions,
  startReceiver,
} from '../../harness/receivers.ts';
import { classify } from '../../src/domain/classify.ts';
import { responseText } from '../../src/domain/response-text.ts';
import { asResponse, exchange, open, settled, timeoutMs, to } from '../support/http-clients.ts';

const now = new Date('2026-11-24T12:00:00Z');

describe('responses', () => {
  test.each([200, 201, 204, 299])('%i is a delivery', async (status) => {
    const { result } = await exchange({ onRequest: (socket) => socket.write(answer(status)) });
    expect(result).toMatchObject({ kind: 'response', statusCode: status, truncated: false });
    expect(classify(result, now)).toEqual({ kind: 'delivered' });
  });

  test('the request arrives byte for byte', async () => {
    await using receiver = await startReceiver();
    const body = '{"n":12345678901234567890,"s":"ü\\u0000 "}';
    const url = `${receiver.url}?a=%C3%BC&b=1#fragment`;
    await open().post({ url, headers: ['X-One', '1', 'x-two', '2'], body });
    const [request] = receiver.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/hook?a=%C3%BC&b=1' });
    expect(request?.headers).toMatchObject({ 'x-one': '1', 'x-two': '2' });
    expect(request?.headers).not.toHaveProperty('accept-encoding');
    expect(request?.body.toString()).toBe(body);
  });

  test.each([301, 302, 303, 307, 308])('%i is not followed', async (status) => {
    await using elsewhere = await startReceiver();
    const headers = { location: elsewhere.url };
    const { result } = await exchange({
      onRequest: (socket) => socket.write(answer(status, { headers })),
    });
    expect(result).toMatchObject({ statusCode: status, location: elsewhere.url });
    expect(classify(result, now)).toMatchObject({ kind: 'retry', reason: 'redirect' });
    expect(elsewhere.connections).toBe(0);
  });

  test.each([
    [400, 'fail', 'http_400'],
    [404, 'fail', 'http_404'],
    [410, 'fail', 'gone'],
    [408, 'retry', 'http_408'],
    [425, 'retry', 'http_425'],
    [429, 'retry', 'http_429'],
    [500, 'retry', 'http_500'],
    [503, 'retry', 'http_503'],
    [999, 'retry', 'http_999'],
  ])('%i means %s with reason %s', async (status, kind, reason) => {
    const { result } = await exchange({ onRequest: (socket) => socket.write(answer(status)) });
    expect(classify(result, now)).toMatchObject({ kind, reason });
  });

  test.each([
    ['120', 120_000],
    ['Tue, 24 Nov 2026 12:02:00 GMT', 120_000],
  ])('a 429 with Retry-After: %s is not retried sooner', async (value, notBeforeMs) => {
    const headers = { 'retry-after': value };
    const { result } = await exchange({
      onRequest: (socket) => socket.write(answer(429, { headers })),
    });
    expect(result).toMatchObject({ retryAfter: value });
    expect(classify(result, now)).toMatchObject({ kind: 'retry', notBeforeMs });
  });

  test('a response that came while the process was frozen counts, though the deadline is over', async () => {
    const { result } = await exchange({
      onRequest: (socket) => {
        socket.write(answer(200));
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeoutMs * 2);
      },
    });
    expect(result).toMatchObject({ kind: 'response', statusCode: 200, truncated: false });
  });

  test('64 informational responses are passed over, and not one more', async () => {
    const post = async (count: number) => {
      const hints = 'HTTP/1.1 103 Hints\r\n\r\n'.repeat(count);
      await using receiver = await startReceiver({
        onRequest: (socket) => socket.write(hints + answer(200)),
      });
      return await open({ timeoutMs: 20_000 }).post(to(receiver.url));
    };
    expect(await post(64)).toMatchObject({ kind: 'response', statusCode: 200 });
    expect(await post(65)).toMatchObject({
      code: 'not_http',
      message: 'More than 64 informational responses',
    });
  });

  test('of a header that comes twice the first counts', async () => {
    const { result } = await exchange({
      onRequest: (socket) =>
        socket.write(
          'HTTP/1.1 429 No\r\nretry-after: 7\r\nretry-after: 9\r\nlocation: /a\r\nlocation: /b\r\ncontent-encoding: br\r\ncontent-length: 0\r\n\r\n',
        ),
    });
    expect(result).toMatchObject({ statusCode: 429, retryAfter: '7', contentEncoding: 'br' });
    expect(asResponse(result).location).toBe('/a');
  });

  test('its duration is from the request to the answer, in ms', async () => {
    const fromMs = performance.now();
    const { result } = await exchange({
      onRequest: (socket) => void setTimeout(() => socket.write(answer(200)), 50),
    });
    expect(result.durationMs).toBeGreaterThan(40);
    // As it is rounded.
    expect(result.durationMs).toBeLessThan(performance.now() - fromMs + 0.1);
  });

  test('a request may have a timeout of its own, in place of that of the client', async () => {
    await using receiver = await startReceiver({ onRequest: () => {} });
    const patient = open({ timeoutMs: 20_000 });
    const own = await patient.post({ ...to(receiver.url), timeoutMs: 150 });
    expect(own).toMatchObject({ code: 'timeout', message: 'No response headers within 150 ms' });
    const hasty = open({ timeoutMs: 120 });
    const usual = await hasty.post({ ...to(receiver.url), timeoutMs: null });
    expect(usual).toMatchObject({ message: 'No response headers within 120 ms' });
  });

  test('a deadline that passes before there is a connection says so', async () => {
    const client = open({ timeoutMs: 120, lookup: () => {} });
    expect(await client.post(to('http://never.test/'))).toMatchObject({
      code: expect.stringMatching(/^(connect_)?timeout$/),
      message: expect.stringMatching(/^No connection within 120 ms$|timeout/i),
    });
  });

  test('a 103 before the response is passed over', async () => {
    const { result } = await exchange({
      onRequest: (socket) =>
        socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${answer(201)}`),
    });
    expect(result).toMatchObject({ kind: 'response', statusCode: 201 });
  });

  test('a gzip body is kept as it came, and is not inflated', async () => {
    const gzip = gzipSync('x'.repeat(1_000_000));
    const { result } = await exchange({
      onRequest: (socket) => {
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${gzip.length}\r\n\r\n`,
        );
        socket.write(gzip);
      },
    });
    const response = asResponse(result);
    expect(Buffer.from(response.body).equals(gzip)).toBe(true);
    expect(responseText(response).text).toBe(`(gzip, ${gzip.length} bytes)`);
  });

  test('a body with NUL and invalid UTF-8 becomes text that can be stored', async () => {
    const { result } = await exchange({
      onRequest: (socket) => {
        socket.write('HTTP/1.1 500 No\r\ncontent-length: 6\r\n\r\n');
        socket.write(Buffer.from([0x61, 0x00, 0xff, 0xc3, 0xbc, 0x62]));
      },
    });
    expect(responseText(asResponse(result)).text).toBe('a\uFFFD\uFFFDüb');
  });

  test('the connection is kept and used again', async () => {
    await using receiver = await startReceiver();
    const client = open();
    for (let n = 0; n < 5; n += 1) await settled(client.post(to(receiver.url)));
    expect(receiver.requests).toHaveLength(5);
    expect(receiver.connections).toBe(1);
  });
});

describe('bodies that do not end well, after 200', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n';

  test.each<[string, ReceiverOptions['onRequest'], string]>([
    ['is silent', (socket) => socket.write(`${head}abc`), 'abc'],
    ['ends too early', (socket) => socket.end(`${head}abc`), 'abc'],
    [
      'is reset',
      (socket) => socket.write(`${head}abc`, () => setImmediate(() => socket.resetAndDestroy())),
      '',
    ],
    [
      'breaks off within a chunk',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab'),
      'ab',
    ],
  ])('one that %s is delivered, and truncated', async (_name, onRequest, begin) => {
    const { result } = await exchange({ ...(onRequest && { onRequest }) });
    expect(result).toMatchObject({ kind: 'response', statusCode: 200, truncated: true });
    expect(Buffer.from(asResponse(result).body).toString()).toMatch(new RegExp(`^${begin}`));
  });

  test('one that is silent for long is given up before the deadline', async () => {
    await using receiver = await startReceiver({
      onRequest: (socket) => socket.write(`${head}abc`),
    });
    const result = await open({ bodySilenceMs: 100, timeoutMs: 120_000 }).post(to(receiver.url));
    expect(result).toMatchObject({ statusCode: 200, truncated: true });
  });

  test('one that drips is read until the deadline', async () => {
    const { result } = await exchange({
      onRequest: (socket) => {
        socket.write(head);
        drip(socket, { pieces: endless('x'), everyMs: 20 });
      },
    });
    expect(result).toMatchObject({ statusCode: 200, truncated: true });
    expect(result.durationMs).toBeGreaterThanOrEqual(timeoutMs - 2);
    expect(asResponse(result).body.length).toBeGreaterThan(0);
  });

  test.each([
    ['chunked', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', chunk(65_536)],
    ['until the end of the connection', 'HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(65_536)],
    ['of known length', 'HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n', 'x'.repeat(65_536)],
    [
      'in one packet',
      'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 20000\r\n\r\n',
      'x'.repeat(20_000),
    ],
  ])('an endless one (%s) is cut at 16 KiB, at once', async (_name, start, piece) => {
    await using receiver = await startReceiver({
      onRequest: (socket) => {
        const write = (): void => {
          while (!socket.destroyed && socket.write(piece));
        };
        socket.on('drain', write);
        socket.write(start);
        write();
      },
    });
    const client = open({ timeoutMs: 120_000, bodySilenceMs: 120_000 });
    const result = await client.post(to(receiver.url));
    expect(result).toMatchObject({ statusCode: 200, truncated: true });
    expect(asResponse(result).body.length).toBe(16_384);
    await receiver.whenIdle();
  });

  test('one of exactly 16 KiB is whole, and its connection is kept', async () => {
    await using receiver = await startReceiver({
      onRequest: (socket) => socket.write(answer(200, { body: 'x'.repeat(16_384) })),
    });
    const client = open();
    const result = await settled(client.post(to(receiver.url)));
    expect(result).toMatchObject({ truncated: false });
    expect(asResponse(result).body.length).toBe(16_384);
    await client.post(to(receiver.url));
    expect(receiver.connections).toBe(1);
  });
});

function chunk(size: number): string {
  return `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`;
}
