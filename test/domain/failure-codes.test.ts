import { describe, expect, it } from 'vitest';
import { classify } from '../../src/domain/classify.ts';
import { failure, failureCodes } from '../../src/domain/failure-codes.ts';

// What each way to fail means, as literals: people query the codes, and a verdict that changes decides what is sent again.

const meant = {
  'retry, and the endpoint does not work': [
    ['retry', 'broken', undefined],
    ['connection_refused', 'connection_reset', 'connection_closed', 'host_unreachable'],
    ['dns_not_found', 'dns_failed', 'not_http', 'headers_overflow', 'address_blocked'],
    ['tls_certificate_expired', 'tls_certificate_not_yet_valid', 'tls_untrusted'],
    ['tls_wrong_host', 'tls_handshake', 'proxy_refused', 'proxy_no_route', 'unclassified'],
  ],
  'retry, and the endpoint is too slow': [
    ['retry', 'overload', undefined],
    ['connect_timeout', 'timeout'],
  ],
  'a failure for good': [
    ['fail', 'neutral', undefined],
    ['address_blocked_literal', 'url_invalid', 'endpoint_deleted', 'payload_gone'],
    ['request_invalid'],
  ],
  'our own trouble': [
    ['repeat', 'neutral', undefined],
    ['proxy_failed', 'out_of_file_descriptors', 'out_of_ports', 'out_of_memory'],
    ['network_down', 'not_permitted', 'aborted'],
  ],
  'a hold of five minutes': [
    ['repeat', 'neutral', 300_000],
    ['encryption_key_missing', 'secret_unreadable'],
  ],
} as const;

describe.each(Object.entries(meant))('%s', (_what, [[verdict, pressure, pauseMs], ...codes]) => {
  it.each(codes.flat())('is what %s means', (code) => {
    const known = failure(code);
    expect([known.verdict, known.pressure, known.pauseMs]).toEqual([verdict, pressure, pauseMs]);
  });
});

it('every code is in one of these', () => {
  const codes = Object.values(meant).flatMap(([, ...each]) => each.flat());
  expect(codes.toSorted()).toEqual(Object.keys(failureCodes).toSorted());
});

it.each(['', 'toString', '__proto__', 'no_such_code'])('%j is one that is not known', (code) => {
  expect(failure(code)).toBe(failureCodes.unclassified);
  const result = { kind: 'error', code, message: '', durationMs: 1 } as const;
  expect(classify({ ...result, retriedConnection: false }, new Date())).toEqual({
    kind: 'retry',
    reason: code,
    notBeforeMs: undefined,
    pressure: 'broken',
  });
});
