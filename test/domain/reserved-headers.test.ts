import { expect, it } from 'vitest';
import { isReservedHeader } from '../../src/domain/reserved-headers.ts';

it.each([
  ['Host', 'HOST', 'host'],
  ['Connection', 'Keep-Alive', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'Expect'],
  ['Proxy-Authorization', 'proxy-connection', 'Proxy-'],
  ['Content-Length', 'Content-Type', 'Content-Encoding', 'Accept-Encoding', 'Cookie'],
  ['Idempotency-Key', 'traceparent', 'TraceParent'],
  ['webhook-id', 'Webhook-Signature', 'webhook-'],
  ['x-webhook-id', 'X-Webhook-Anything', 'x-webhook-'],
])('%s and the like are not for the producer to set', (...names) => {
  for (const name of names) expect(isReservedHeader(name), name).toBe(true);
});

it.each([
  ['Authorization', 'Accept', 'User-Agent', 'X-Shop', 'tracestate', 'Set-Cookie', 'Cookie2'],
  ['X-Host', 'Hosts', 'Host2', 'te2', 'site', 'Expected', 'Content-Language', 'X-Content-Type'],
  ['Proxy', 'webhook', 'x-webhook', 'my-webhook-id', 'y-x-webhook-id', 'X-Proxy-A', 'traceparents'],
  ['', ' Host', 'Host '],
])('%s and the like are', (...names) => {
  for (const name of names) expect(isReservedHeader(name), name).toBe(false);
});
