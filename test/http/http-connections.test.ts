import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { host } from '../../harness/certificates.ts';
import { answer, startReceiver } from '../../harness/receivers.ts';
import { classify } from '../../src/domain/classify.ts';
import { open, settled, to } from '../support/http-clients.ts';

const now = new Date('2026-11-24T12:00:00Z');

describe('stale connections', () => {
  test.each([
    ['FIN', 'end'],
    ['RST', 'resetAndDestroy'],
  ] as const)(
    'a kept connection that ends with %s is retried once, on a new one',
    async (_name, end) => {
      await using receiver = await startReceiver({
        onRequest: (socket, { number }) => {
          if (number === 2) socket[end]();
          else socket.write(answer(200));
        },
      });
      const client = open();
      expect(await settled(client.post(to(receiver.url)))).toMatchObject({
        retriedConnection: false,
      });
      const result = await client.post(to(receiver.url));
      expect(result).toMatchObject({ kind: 'response', statusCode: 200, retriedConnection: true });
      expect(receiver.requests).toHaveLength(3);
      expect(receiver.connections).toBe(2);
    },
  );

  test('when all kept connections are stale, the retry uses none of them', async () => {
    const used = new Set<Socket>();
    await using receiver = await startReceiver({
      onRequest: (socket) => {
        if (used.has(socket)) socket.resetAndDestroy();
        else socket.write(answer(200));
        used.add(socket);
      },
    });
    const client = open();
    await settled(Promise.all([1, 2, 3].map(() => client.post(to(receiver.url)))));
    expect(receiver.connections).toBe(3);
    const result = await client.post(to(receiver.url));
    expect(result).toMatchObject({ statusCode: 200, retriedConnection: true });
    expect(receiver.connections).toBe(4);
  });

  test('the second connection gets no third', async () => {
    await using receiver = await startReceiver({
      onRequest: (socket, { number }) => {
        if (number === 1) socket.write(answer(200));
        else socket.resetAndDestroy();
      },
    });
    const client = open();
    await settled(client.post(to(receiver.url)));
    const result = await client.post(to(receiver.url));
    expect(result).toMatchObject({ code: 'connection_reset', retriedConnection: true });
    expect(receiver.requests).toHaveLength(3);
  });

  test('a receiver that always resets is hit once per attempt', async () => {
    await using receiver = await startReceiver({ onRequest: (socket) => socket.resetAndDestroy() });
    const client = open();
    for (let n = 1; n <= 3; n += 1) {
      const result = await settled(client.post(to(receiver.url)));
      expect(result).toMatchObject({ code: 'connection_reset', retriedConnection: false });
      expect(receiver.requests).toHaveLength(n);
    }
  });

  test('a kept connection that is reset after a while was not stale: the receiver has had the request', async () => {
    await using receiver = await startReceiver({
      onRequest: (socket, { number }) => {
        if (number === 1) socket.write(answer(200));
        else setTimeout(() => socket.resetAndDestroy(), 1_100);
      },
    });
    const client = open({ timeoutMs: 20_000 });
    await settled(client.post(to(receiver.url)));
    const result = await client.post(to(receiver.url));
    expect(result).toMatchObject({ code: 'connection_reset', retriedConnection: false });
    expect(receiver.requests).toHaveLength(2);
  });

  test('a response that has begun is not asked for again', async () => {
    await using receiver = await startReceiver({
      onRequest: (socket, { number }) => {
        if (number === 1) socket.write(answer(200));
        else socket.end('HTTP/1.1 2');
      },
    });
    const client = open();
    await settled(client.post(to(receiver.url)));
    const result = await client.post(to(receiver.url));
    expect(result).toMatchObject({ code: 'connection_closed', retriedConnection: false });
    expect(receiver.requests).toHaveLength(2);
  });
});

describe('stopping', () => {
  test('close waits for what is in flight', async () => {
    const { promise: arrived, resolve } = Promise.withResolvers<() => void>();
    await using receiver = await startReceiver({
      onRequest: (socket) => resolve(() => socket.write(answer(200))),
    });
    const client = open();
    const posted = client.post(to(receiver.url));
    const reply = await arrived;
    const closed = client.close();
    expect(await client.post(to(receiver.url))).toMatchObject({ code: 'aborted' });
    reply();
    expect(await posted).toMatchObject({ kind: 'response', statusCode: 200 });
    await closed;
    await receiver.whenIdle();
  });

  test('destroy ends what is in flight, and its attempts do not count', async () => {
    const { promise: arrived, resolve } = Promise.withResolvers<void>();
    await using receiver = await startReceiver({ onRequest: () => resolve() });
    const client = open({ timeoutMs: 60_000, connectTimeoutMs: 60_000, lookup: () => {} });
    const waiting = client.post(to(receiver.url));
    const connecting = client.post(to(`https://${host}/`));
    await arrived;
    await client.destroy();
    for (const result of await Promise.all([waiting, connecting, client.post(to(receiver.url))])) {
      expect(result).toMatchObject({ kind: 'error', code: 'aborted' });
      expect(classify(result, now)).toEqual({ kind: 'repeat', reason: 'aborted' });
    }
    await receiver.whenIdle();
  });

  test('destroy closes connections whose handshake is under way', async () => {
    const { promise: accepted, resolve } = Promise.withResolvers<void>();
    await using receiver = await startReceiver({ onConnection: () => resolve() });
    const client = open({ timeoutMs: 60_000, connectTimeoutMs: 60_000 });
    const posted = client.post(to(receiver.url.replace('http:', 'https:')));
    await accepted;
    await client.destroy();
    expect(await posted).toMatchObject({ code: 'aborted' });
    await receiver.whenIdle();
  });

  test('a destroyed client keeps a status that has arrived', async () => {
    const { promise: arrived, resolve } = Promise.withResolvers<void>();
    await using receiver = await startReceiver({
      onRequest: (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc', () => resolve());
      },
    });
    const client = open({ timeoutMs: 20_000 });
    const posted = client.post(to(receiver.url));
    await arrived;
    await settled(Promise.resolve());
    await client.destroy();
    expect(await posted).toMatchObject({ kind: 'response', statusCode: 200, truncated: true });
  });

  test('after the deadline the connection is closed', async () => {
    await using receiver = await startReceiver({ onRequest: () => {} });
    const result = await open({ timeoutMs: 100 }).post(to(receiver.url));
    expect(result).toMatchObject({ code: 'timeout', message: 'No response headers within 100 ms' });
    await receiver.whenIdle();
  });

  test('a hundred requests at once share no connection and none waits', async () => {
    await using receiver = await startReceiver();
    const client = open();
    const results = await Promise.all(
      Array.from({ length: 100 }, () => client.post(to(receiver.url))),
    );
    expect(results.every((result) => result.kind === 'response')).toBe(true);
    expect(receiver.connections).toBe(100);
  });

  test('with as many connections as are kept, a request ends its own, and none is left over', async () => {
    const receivers = await Promise.all(Array.from({ length: 8 }, () => startReceiver()));
    const client = open({ keptConnections: 3, timeoutMs: 20_000 });
    for (const receiver of receivers) await settled(client.post(to(receiver.url)));
    for (const [n, receiver] of receivers.entries()) {
      const [request] = receiver.requests;
      expect(request?.headers['connection']).toBe(n < 3 ? 'keep-alive' : 'close');
      if (n >= 3) await receiver.whenIdle();
    }
    expect(receivers.map((receiver) => receiver.open)).toEqual([1, 1, 1, 0, 0, 0, 0, 0]);
    for (const receiver of receivers) await receiver[Symbol.asyncDispose]();
  });
});
