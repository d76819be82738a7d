import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { afterEach, expect } from 'vitest';
import { type ReceiverOptions, startReceiver } from '../../harness/receivers.ts';
import { createAddressPolicy } from '../../src/domain/address-policy.ts';
import type { AttemptResult } from '../../src/domain/attempt-result.ts';
import {
  createHttpClient,
  type HttpClient,
  type HttpClientOptions,
} from '../../src/http/http-client.ts';

/** The deadline of a client from {@link open}. */
export const timeoutMs = 500;

const local = createAddressPolicy({ allow: ['127.0.0.0/8'] });
const clients: HttpClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.destroy()));
});

/** A client with short timeouts that may call 127.0.0.0/8; destroyed after the test. */
export function open(options: Partial<HttpClientOptions> = {}): HttpClient {
  const client = createHttpClient({
    connectTimeoutMs: timeoutMs,
    timeoutMs,
    connections: 100,
    allows: local,
    ...options,
  });
  clients.push(client);
  return client;
}

/** A small JSON request. */
export function to(url: string): { url: string; headers: string[]; body: string } {
  return { url, headers: ['content-type', 'application/json'], body: '{"a":1}' };
}

/** Posts once to a receiver that lives for this request. */
export async function exchange(options: ReceiverOptions): Promise<{ result: AttemptResult }> {
  await using receiver = await startReceiver(options);
  const result = await open().post(to(receiver.url));
  if (result.kind === 'error') expect(result.code).not.toBe('unclassified');
  return { result };
}

/** undici takes a connection back one turn of the event loop after the response. */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  const value = await promise;
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  return value;
}

/** A resolver that always answers with these. */
export function resolveTo(...addresses: string[]): LookupFunction {
  const found: LookupAddress[] = addresses.map((address) => ({
    address,
    family: address.includes(':') ? 6 : 4,
  }));
  return (_name, _options, callback) => setImmediate(() => callback(null, found));
}

export function asResponse(result: AttemptResult): Extract<AttemptResult, { kind: 'response' }> {
  if (result.kind === 'response') return result;
  throw new Error(`Expected a response: ${result.code} ${result.message}`);
}

export function asError(result: AttemptResult): Extract<AttemptResult, { kind: 'error' }> {
  if (result.kind === 'error') return result;
  throw new Error(`Expected an error: ${result.statusCode}`);
}
