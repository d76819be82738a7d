import { once } from 'node:events';
import type { LookupFunction, Socket } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Certificates, host, makeCertificates } from '../../harness/certificates.ts';
import { startReceiver } from '../../harness/receivers.ts';
import { createAddressPolicy } from '../../src/domain/address-policy.ts';
import { classify } from '../../src/domain/classify.ts';
import { createGuardedConnector } from '../../src/http/guarded-connector.ts';
import { open, resolveTo, settled, to } from '../support/http-clients.ts';

const now = new Date('2026-11-24T12:00:00Z');
let certificates: Certificates;

beforeAll(async () => {
  certificates = await makeCertificates();
});

test('what a connection brings is parsed in small pieces, so that there is an end after a flood', async () => {
  await using receiver = await startReceiver({
    onConnection: (socket) => socket.write('x'.repeat(100_000)),
  });
  const connector = createGuardedConnector({ allows: () => true, timeoutMs: 20_000 });
  const { promise, resolve } = Promise.withResolvers<Socket | null>();
  connector.connect(
    { hostname: '127.0.0.1', port: `${receiver.port}`, protocol: 'http:' },
    (_error, opened) => resolve(opened),
  );
  const socket = await promise;
  const pieces: number[] = [];
  while (pieces.reduce((sum, size) => sum + size, 0) < 100_000) {
    const piece = socket?.read();
    if (piece === null) await once(socket as Socket, 'readable');
    else pieces.push(piece.length);
  }
  expect(Math.max(...pieces)).toBe(2_048);
  socket?.unshift(Buffer.from('more'));
  socket?.destroy();
  expect(socket?.read()).toBeNull();
});

describe('addresses', () => {
  const strict = createAddressPolicy({ allow: [] });

  test.each(['http', 'https'])(
    'private addresses in a %s URL get no connection',
    async (scheme) => {
      const tls = scheme === 'https' ? { tls: certificates.good } : {};
      await using receiver = await startReceiver(tls);
      const client = open({ allows: strict, ca: certificates.ca });
      const hosts = [
        '127.0.0.1',
        '127.1',
        '0x7f000001',
        '2130706433',
        '[::1]',
        '[::ffff:127.0.0.1]',
      ];
      for (const literal of [...hosts, '0.0.0.0', '[::]', '169.254.169.254', '[fd00:ec2::254]']) {
        const result = await client.post(to(`${scheme}://${literal}:${receiver.port}/`));
        expect(result, literal).toMatchObject({ code: 'address_blocked_literal' });
        expect(classify(result, now)).toMatchObject({ kind: 'fail' });
      }
      expect(receiver.connections).toBe(0);
    },
  );

  test.each(['http', 'https'])(
    'names with private addresses get no %s connection',
    async (scheme) => {
      const tls = scheme === 'https' ? { tls: certificates.good } : {};
      await using receiver = await startReceiver(tls);
      for (const addresses of [['127.0.0.1'], ['::1', '10.0.0.1'], ['::ffff:127.0.0.1']]) {
        const client = open({ allows: strict, lookup: resolveTo(...addresses) });
        const result = await client.post(to(`${scheme}://${host}:${receiver.port}/`));
        expect(result).toMatchObject({ code: 'address_blocked' });
        expect(classify(result, now)).toMatchObject({ kind: 'retry', pressure: 'broken' });
      }
      const system = await open({ allows: strict }).post(
        to(`${scheme}://localhost:${receiver.port}/`),
      );
      expect(system).toMatchObject({ code: 'address_blocked' });
      expect(receiver.connections).toBe(0);
    },
  );

  test('of a name with a private and an allowed address only the allowed one is dialled', async () => {
    await using receiver = await startReceiver();
    const asked: string[] = [];
    const client = open({
      allows: (ip) => asked.push(ip) > 0 && ip === '127.0.0.1',
      lookup: resolveTo('127.0.0.2', '127.0.0.1'),
    });
    const result = await client.post(to(`http://${host}:${receiver.port}/`));
    expect(result).toMatchObject({ kind: 'response', statusCode: 200 });
    expect(asked).toEqual(['127.0.0.2', '127.0.0.1', '127.0.0.1']);
  });

  test('a name that changes to a private address reaches it on no new connection', async () => {
    await using receiver = await startReceiver();
    let lookups = 0;
    const lookup: LookupFunction = (...call) => {
      lookups += 1;
      // All of its addresses are asked for, so that there is another one when the first is not allowed.
      expect(call[1]).toMatchObject({ all: true });
      resolveTo(lookups === 1 ? '127.0.0.1' : '127.0.0.9')(...call);
    };
    const client = open({ allows: (ip) => ip === '127.0.0.1', lookup });
    const url = `http://${host}:${receiver.port}/`;
    expect(await settled(client.post(to(url)))).toMatchObject({ statusCode: 200 });
    const results = await Promise.all([1, 2, 3].map(() => client.post(to(url))));
    const codes = results.map((result) => (result.kind === 'error' ? result.code : 'kept'));
    expect(codes.sort()).toEqual(['address_blocked', 'address_blocked', 'kept']);
    expect(receiver.connections).toBe(1);
  });

  test.each(['http', 'https'])(
    'a peer that is not allowed after all gets no %s request',
    async (scheme) => {
      const tls = scheme === 'https' ? { tls: certificates.good } : {};
      await using receiver = await startReceiver(tls);
      let checks = 0;
      const client = open({
        ca: certificates.ca,
        allows: () => {
          checks += 1;
          return checks === 1;
        },
      });
      const result = await client.post(to(`${scheme}://127.0.0.1:${receiver.port}/`));
      expect(result).toMatchObject({
        kind: 'error',
        code: expect.stringMatching(/^address_blocked/),
      });
      await receiver.whenIdle();
      expect(receiver.requests).toHaveLength(0);
    },
  );

  test.each([
    'ftp://127.0.0.1/',
    'http://user@127.0.0.1/',
    'http://:secret@127.0.0.1/',
    'http://127.0.0.1:0/',
    'http://256.256.256.256/',
    'http://',
    'not a URL',
  ])('%s is no URL to send to', async (url) => {
    const result = await open().post(to(url));
    expect(result).toMatchObject({ kind: 'error', code: 'url_invalid' });
    expect(classify(result, now)).toMatchObject({ kind: 'fail', reason: 'url_invalid' });
  });

  test.each([
    ['content-length', '1'],
    ['transfer-encoding', 'chunked'],
    ['expect', '100-continue'],
    ['x', 'a\r\nb'],
    ['x y', 'a'],
    ['x', '\u0100'],
  ])('the header %s: %j cannot be sent', async (name, value) => {
    await using receiver = await startReceiver();
    const result = await open().post({ ...to(receiver.url), headers: [name, value] });
    expect(result).toMatchObject({ kind: 'error', code: 'request_invalid' });
    expect(receiver.requests).toHaveLength(0);
  });
});
