import type { LookupFunction } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Certificates, host, makeCertificates } from '../../harness/certificates.ts';
import { closedPort, startReceiver } from '../../harness/receivers.ts';
import { classify } from '../../src/domain/classify.ts';
import { asError, open, resolveTo, to } from '../support/http-clients.ts';

const now = new Date('2026-11-24T12:00:00Z');
let certificates: Certificates;

beforeAll(async () => {
  certificates = await makeCertificates();
});

describe('no response', () => {
  test('nothing listens: connection_refused', async () => {
    const result = await open().post(to(`http://127.0.0.1:${await closedPort()}/`));
    expect(result).toMatchObject({ kind: 'error', code: 'connection_refused' });
  });

  test('nothing listens on any address: connection_refused, with a message', async () => {
    const client = open({ lookup: resolveTo('127.0.0.2', '127.0.0.3') });
    const result = await client.post(to(`http://${host}:${await closedPort()}/`));
    expect(result).toMatchObject({ kind: 'error', code: 'connection_refused' });
    expect(result).toHaveProperty('message', expect.stringContaining('ECONNREFUSED'));
  });

  test('a name that does not exist: dns_not_found', async () => {
    const result = await open({ timeoutMs: 10_000 }).post(to('http://does-not-exist.invalid/'));
    expect(['dns_not_found', 'dns_failed']).toContain(asError(result).code);
    const lookup: LookupFunction = (_name, _options, callback) =>
      callback(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }), []);
    const other = await open({ lookup }).post(to(`http://${host}/`));
    expect(other).toMatchObject({ code: 'dns_not_found' });
  });

  test.each([
    ['EAI_AGAIN', 'dns_failed'],
    ['ESERVFAIL', 'dns_failed'],
    ['ENODATA', 'dns_not_found'],
    ['EMFILE', 'out_of_file_descriptors'],
  ])('a lookup that ends with %s: %s', async (raw, code) => {
    const lookup: LookupFunction = (_name, _options, callback) =>
      callback(Object.assign(new Error(`getaddrinfo ${raw}`), { code: raw }), []);
    expect(await open({ lookup }).post(to(`http://${host}/`))).toMatchObject({ code });
  });

  test('a name without addresses: dns_not_found', async () => {
    const result = await open({ lookup: resolveTo() }).post(to(`http://${host}/`));
    expect(result).toMatchObject({ code: 'dns_not_found' });
  });

  test('a lookup that never answers: connect_timeout', async () => {
    const client = open({ lookup: () => {}, connectTimeoutMs: 100, timeoutMs: 5_000 });
    const result = await client.post(to(`http://${host}/`));
    expect(result).toMatchObject({ kind: 'error', code: 'connect_timeout' });
    expect(classify(result, now)).toMatchObject({ kind: 'retry', pressure: 'overload' });
  });

  test('TLS that never answers: connect_timeout', async () => {
    await using receiver = await startReceiver({ onConnection: (socket) => socket.pause() });
    const client = open({ connectTimeoutMs: 100, timeoutMs: 5_000 });
    const result = await client.post(to(receiver.url.replace('http:', 'https:')));
    expect(result).toMatchObject({ kind: 'error', code: 'connect_timeout' });
  });

  test('a connection that comes after the deadline carries no request', async () => {
    await using receiver = await startReceiver();
    const { promise: asked, resolve } = Promise.withResolvers<() => void>();
    const lookup: LookupFunction = (_name, _options, callback) =>
      resolve(() => callback(null, [{ address: '127.0.0.1', family: 4 }]));
    // Above 1 s undici's connect timer is up to half a second late: the connection can still come.
    const client = open({ lookup, connectTimeoutMs: 5_000, timeoutMs: 1_100 });
    const result = await client.post(to(`http://${host}:${receiver.port}/`));
    expect(result).toMatchObject({ code: 'timeout', message: 'No connection within 1100 ms' });
    (await asked)();
    await client.close();
    expect(receiver.connections).toBe(1);
    expect(receiver.requests).toHaveLength(0);
  });
});

describe('TLS', () => {
  test('a certificate of a trusted authority is accepted', async () => {
    await using receiver = await startReceiver({ tls: certificates.good });
    const client = open({ ca: certificates.ca, lookup: resolveTo('127.0.0.1') });
    const result = await client.post(to(`https://${host}:${receiver.port}/`));
    expect(result).toMatchObject({ kind: 'response', statusCode: 200 });
  });

  test('http to a TLS port is an error of the receiver', async () => {
    await using receiver = await startReceiver({ tls: certificates.good });
    const result = await open().post(to(receiver.url.replace('https:', 'http:')));
    expect(['not_http', 'connection_reset', 'connection_closed']).toContain(asError(result).code);
  });
});
