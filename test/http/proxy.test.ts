import { beforeAll, describe, expect, test } from 'vitest';
import { type Certificates, host, makeCertificates } from '../../harness/certificates.ts';
import { answer, closedPort, startReceiver } from '../../harness/receivers.ts';
import { createAddressPolicy } from '../../src/domain/address-policy.ts';
import { classify } from '../../src/domain/classify.ts';
import type { HttpProxy } from '../../src/domain/http-proxy.ts';
import { open, resolveTo, settled, to } from '../support/http-clients.ts';
import { answering, type ProxyBehaviour, startProxy } from '../support/proxy.ts';

// Receivers behind a proxy are called by a name that nobody here can resolve.

const now = new Date('2026-11-24T12:00:00Z');
const patient = { timeoutMs: 20_000, connectTimeoutMs: 20_000 };
const established = 'HTTP/1.1 200 Connection established\r\n\r\n';
let certificates: Certificates;

beforeAll(async () => {
  certificates = await makeCertificates();
});

describe('through a proxy', () => {
  test.each(['http', 'https'])('a webhook reaches an %s receiver by CONNECT', async (scheme) => {
    await using receiver = await startReceiver(
      scheme === 'https' ? { tls: certificates.good } : {},
    );
    await using proxy = await startProxy();
    const client = open({ ...patient, proxy: proxyAt(proxy.port), ca: certificates.ca });
    const url = `${scheme}://${host}:${receiver.port}/hook?a=b`;
    expect(await settled(client.post(to(url)))).toMatchObject({ statusCode: 200 });
    expect(await client.post(to(url))).toMatchObject({ statusCode: 200 });
    expect(receiver.requests).toMatchObject([
      { method: 'POST', path: '/hook?a=b' },
      { method: 'POST', path: '/hook?a=b' },
    ]);
    // The tunnel is kept, as a connection would be.
    expect(proxy.asked).toEqual([{ authority: `${host}:${receiver.port}` }]);
  });

  test('the proxy may be reached by TLS, and gets its credentials, which the receiver does not', async () => {
    await using receiver = await startReceiver();
    await using proxy = await startProxy({ tls: certificates.good });
    const client = open({
      ...patient,
      proxy: { ...proxyAt(proxy.port), secure: true, authorization: 'Basic bWU6aHVudGVyMg==' },
      ca: certificates.ca,
    });
    const result = await client.post(to(`http://${host}:${receiver.port}/`));
    expect(result).toMatchObject({ statusCode: 200 });
    expect(proxy.asked).toMatchObject([{ authorization: 'Basic bWU6aHVudGVyMg==' }]);
    expect(receiver.requests[0]?.headers).not.toHaveProperty('proxy-authorization');
  });

  test('addresses that are not allowed, and localhost, are refused before the proxy is asked', async () => {
    await using proxy = await startProxy();
    const client = open({
      ...patient,
      proxy: proxyAt(proxy.port),
      allows: createAddressPolicy({ allow: [] }),
    });
    for (const scheme of ['http', 'https']) {
      for (const literal of ['10.0.0.1', '0x7f.1', '[::1]', '[::ffff:169.254.169.254]']) {
        const result = await client.post(to(`${scheme}://${literal}/`));
        expect(result, literal).toMatchObject({ code: 'address_blocked_literal' });
      }
      for (const name of ['localhost', 'LOCALHOST.', 'a.localhost']) {
        const result = await client.post(to(`${scheme}://${name}/`));
        expect(result, name).toMatchObject({ code: 'address_blocked' });
      }
    }
    expect(proxy.asked).toEqual([]);
    expect(proxy.open).toBe(0);
  });

  test('an address that is allowed is asked for', async () => {
    await using receiver = await startReceiver();
    await using proxy = await startProxy();
    const client = open({ ...patient, proxy: proxyAt(proxy.port) });
    expect(await client.post(to(receiver.url))).toMatchObject({ statusCode: 200 });
    expect(proxy.asked).toEqual([{ authority: `127.0.0.1:${receiver.port}` }]);
  });

  test.each<[string, string, string, ProxyBehaviour]>([
    ['refuses', 'proxy_refused', 'retry', answering('403 Forbidden')],
    ['refuses as Smokescreen does', 'proxy_refused', 'retry', answering('407 Request rejected')],
    ['has no connection', 'proxy_no_route', 'retry', answering('502 Bad Gateway')],
    [
      'wants a password',
      'proxy_failed',
      'repeat',
      answering('407 No\r\nproxy-authenticate: Basic realm="a"'),
    ],
    ['hangs up', 'proxy_failed', 'repeat', (socket) => socket.end()],
    ['resets', 'proxy_failed', 'repeat', (socket) => socket.resetAndDestroy()],
    ['is no proxy', 'proxy_failed', 'repeat', (socket) => socket.end('220 mail.test ESMTP\r\n')],
    [
      'has endless headers',
      'proxy_failed',
      'repeat',
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}`),
    ],
  ])('a proxy that %s: %s, %s', async (_name, code, kind, behave) => {
    await using proxy = await startProxy({ behave });
    const client = open({ ...patient, proxy: proxyAt(proxy.port) });
    const result = await client.post(to(`https://${host}/?token=s3cret`));
    expect(result).toMatchObject({ kind: 'error', code });
    expect(result).not.toHaveProperty('message', expect.stringContaining('s3cret'));
    expect(classify(result, now)).toMatchObject({ kind, reason: code });
  });

  test('no proxy listens: proxy_failed, which is our own trouble', async () => {
    const client = open({ ...patient, proxy: proxyAt(await closedPort()) });
    const result = await client.post(to(`https://${host}/`));
    expect(result).toMatchObject({ kind: 'error', code: 'proxy_failed' });
    expect(classify(result, now)).toEqual({ kind: 'repeat', reason: 'proxy_failed' });
  });

  test('a proxy that does not answer is given up after the connect timeout', async () => {
    await using proxy = await startProxy({ behave: () => {} });
    const client = open({ proxy: proxyAt(proxy.port), connectTimeoutMs: 100, timeoutMs: 20_000 });
    const result = await client.post(to(`https://${host}/`));
    expect(result).toMatchObject({ kind: 'error', code: 'connect_timeout' });
  });

  test('the receiver must still prove who it is', async () => {
    await using receiver = await startReceiver({ tls: certificates.wrongHost });
    await using proxy = await startProxy();
    const client = open({ ...patient, proxy: proxyAt(proxy.port), ca: certificates.ca });
    const result = await client.post(to(`https://${host}:${receiver.port}/`));
    expect(result).toMatchObject({ kind: 'error', code: 'tls_wrong_host' });
    expect(receiver.requests).toEqual([]);
  });

  test.each<[string, ProxyBehaviour]>([
    ['at once', (socket) => socket.write(`${established}SSH-2.0-OpenSSH_9.9\r\n`)],
    [
      'after a moment',
      (socket) => socket.write(established, () => socket.write('SSH-2.0-OpenSSH_9.9\r\n')),
    ],
  ])('a receiver that speaks first, %s, is no HTTP, and is asked once', async (_name, behave) => {
    await using proxy = await startProxy({ behave });
    const client = open({ ...patient, proxy: proxyAt(proxy.port) });
    expect(await client.post(to(`http://${host}/`))).toMatchObject({ code: 'not_http' });
    expect(proxy.asked).toHaveLength(1);
  });

  test('a tunnel that ends while it is kept is opened anew', async () => {
    await using receiver = await startReceiver({
      onRequest: (socket, { number }) => {
        if (number === 2) socket.resetAndDestroy();
        else socket.write(answer(200));
      },
    });
    await using proxy = await startProxy();
    const client = open({ ...patient, proxy: proxyAt(proxy.port) });
    const url = `http://${host}:${receiver.port}/`;
    await settled(client.post(to(url)));
    expect(await client.post(to(url))).toMatchObject({ statusCode: 200, retriedConnection: true });
    expect(proxy.asked).toHaveLength(2);
  });

  test('destroy gives up the tunnels that are being opened', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    await using proxy = await startProxy({
      behave: (socket) => {
        socket.resume();
        resolve();
      },
    });
    const client = open({ ...patient, proxy: proxyAt(proxy.port), lookup: resolveTo() });
    const posted = client.post(to(`https://${host}/`));
    await asked;
    await client.destroy();
    expect(await posted).toMatchObject({ code: 'aborted' });
    await expect.poll(() => proxy.open).toBe(0);
  });
});

function proxyAt(port: number): HttpProxy {
  return { secure: false, host: '127.0.0.1', port, authorization: undefined };
}
