import fc from 'fast-check';
import { errors } from 'undici';
import { expect, test } from 'vitest';
import { failureOf } from '../../src/domain/failure-of.ts';

const sent = { secure: true, connecting: false };
const connecting = { secure: true, connecting: true };

test.each([
  ['ECONNREFUSED', 'connection_refused'],
  ['ECONNRESET', 'connection_reset'],
  ['EPIPE', 'connection_reset'],
  ['EHOSTUNREACH', 'host_unreachable'],
  ['ENETUNREACH', 'host_unreachable'],
  ['ETIMEDOUT', 'connect_timeout'],
  ['ENOTFOUND', 'dns_not_found'],
  ['ENODATA', 'dns_not_found'],
  ['EAI_AGAIN', 'dns_failed'],
  ['ESERVFAIL', 'dns_failed'],
  ['ETIMEOUT', 'dns_failed'],
  ['CERT_HAS_EXPIRED', 'tls_certificate_expired'],
  ['CERT_NOT_YET_VALID', 'tls_certificate_not_yet_valid'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_wrong_host'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_untrusted'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'tls_untrusted'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_untrusted'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls_untrusted'],
  ['CERT_REVOKED', 'tls_untrusted'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls_handshake'],
  ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'tls_handshake'],
  ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'tls_handshake'],
  ['EPROTO', 'tls_handshake'],
  ['HPE_INVALID_CONSTANT', 'unclassified'],
  ['EMFILE', 'out_of_file_descriptors'],
  ['ENFILE', 'out_of_file_descriptors'],
  ['EADDRNOTAVAIL', 'out_of_ports'],
  ['ENOBUFS', 'out_of_memory'],
  ['ENOMEM', 'out_of_memory'],
  ['ENETDOWN', 'network_down'],
  ['EACCES', 'not_permitted'],
  ['ABORT_ERR', 'aborted'],
  ['ECONNABORTED', 'connection_reset'],
  ['UND_ERR_INFO', 'connection_closed'],
  ['EHOSTDOWN', 'host_unreachable'],
  ['EAFNOSUPPORT', 'host_unreachable'],
  ['EINVAL', 'host_unreachable'],
  ['UND_ERR_BODY_TIMEOUT', 'timeout'],
  ['EREFUSED', 'dns_failed'],
  ['EFORMERR', 'dns_failed'],
  ['EBADRESP', 'dns_failed'],
  ['EBADNAME', 'dns_failed'],
  ['ENOTIMP', 'dns_failed'],
  ['ECANCELLED', 'dns_failed'],
  ['EAI_FAIL', 'dns_failed'],
  ['EAI_MEMORY', 'out_of_memory'],
  ['HOSTNAME_MISMATCH', 'tls_wrong_host'],
  ['INVALID_CA', 'tls_untrusted'],
  ['INVALID_PURPOSE', 'tls_untrusted'],
  ['PATH_LENGTH_EXCEEDED', 'tls_untrusted'],
  ['CRL_HAS_EXPIRED', 'tls_untrusted'],
  ['ERROR_IN_CERT_NOT_BEFORE_FIELD', 'tls_untrusted'],
  ['ERR_TLS_HANDSHAKE_TIMEOUT', 'tls_handshake'],
  ['ERR_OSSL_EVP_UNSUPPORTED', 'tls_handshake'],
  ['HPE_HEADER_OVERFLOW', 'headers_overflow'],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'not_http'],
  ['ERR_ASSERTION', 'not_http'],
  ['address_blocked', 'address_blocked'],
  ['address_blocked_literal', 'address_blocked_literal'],
  ['proxy_failed', 'proxy_failed'],
  ['proxy_refused', 'proxy_refused'],
  ['proxy_no_route', 'proxy_no_route'],
  ['not_http', 'not_http'],
  ['ERR_INVALID_URL', 'url_invalid'],
  ['UND_ERR_NOT_SUPPORTED', 'request_invalid'],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'request_invalid'],
  ['ERR_INVALID_ARG_TYPE', 'request_invalid'],
  ['ERR_INVALID_ARG_VALUE', 'request_invalid'],
  ['EADDRINUSE', 'out_of_ports'],
  ['EPERM', 'not_permitted'],
  ['UND_ERR_ABORTED', 'aborted'],
  ['XUNABLE_TO_VERIFY', 'unclassified'],
  ['XERR_SSL_X', 'unclassified'],
  ['', 'unclassified'],
])('%s: %s', (raw, code) => {
  expect(failureOf(coded(raw), sent).code).toBe(code);
});

test.each([
  [new errors.ConnectTimeoutError('x'), 'connect_timeout'],
  [new errors.HeadersTimeoutError('x'), 'timeout'],
  [new errors.HeadersOverflowError('x'), 'headers_overflow'],
  [new errors.SocketError('other side closed'), 'connection_closed'],
  [new errors.SocketError('bad upgrade'), 'not_http'],
  [new errors.HTTPParserError('x'), 'not_http'],
  [new errors.ResponseContentLengthMismatchError('x'), 'not_http'],
  [new errors.InvalidArgumentError('x'), 'request_invalid'],
  [new errors.ClientDestroyedError('x'), 'aborted'],
  [new errors.ClientClosedError('x'), 'aborted'],
])('undici: %s', (error, code) => {
  expect(failureOf(error, sent).code).toBe(code);
});

test('a reset before there is a connection is a failed handshake, for https only', () => {
  expect(failureOf(coded('ECONNRESET'), connecting).code).toBe('tls_handshake');
  const plain = { secure: false, connecting: true };
  expect(failureOf(coded('ECONNRESET'), plain).code).toBe('connection_reset');
});

test('a parser that has had too much says so, though its error has another name', () => {
  const overflow = Object.assign(new errors.HTTPParserError('x'), { code: 'HPE_HEADER_OVERFLOW' });
  expect(failureOf(overflow, sent).code).toBe('headers_overflow');
  const invalid = Object.assign(new errors.HTTPParserError('x'), { code: 'HPE_INVALID_VERSION' });
  expect(failureOf(invalid, sent).code).toBe('not_http');
});

test('a reset after the handshake is a reset, for https too', () => {
  for (const code of ['ECONNRESET', 'EPIPE']) {
    expect(failureOf(coded(code), sent).code).toBe('connection_reset');
    expect(failureOf(coded(code), connecting).code).toBe('tls_handshake');
  }
  expect(failureOf(new errors.SocketError('other side closed'), connecting).code).toBe(
    'tls_handshake',
  );
  expect(failureOf(coded('ETIMEDOUT'), connecting).code).toBe('connect_timeout');
});

test('a message says what there is to say: the code if the error says nothing', () => {
  expect(failureOf(coded('ECONNREFUSED', ''), sent).message).toBe('ECONNREFUSED');
  expect(failureOf('thrown', sent)).toEqual({ code: 'unclassified', message: 'Not an Error' });
  const spread = new Error(' Cannot\n  reach https://a.test/x?token=1&b=2 now ');
  expect(failureOf(spread, sent).message).toBe('Cannot reach https://a.test/x now');
  expect(failureOf(new AggregateError([], 'none at all'), sent).message).toBe('none at all');
  const odd = Object.assign(new Error('odd'), { code: 7 });
  expect(failureOf(odd, sent)).toEqual({ code: 'unclassified', message: 'odd' });
});

test('of several errors that all tell about this machine, the first counts', () => {
  const all = new AggregateError([coded('EINVAL', 'first'), coded('EADDRNOTAVAIL', 'second')]);
  expect(failureOf(all, sent)).toEqual({ code: 'host_unreachable', message: 'first' });
});

test('a name server that refuses is no receiver that refuses', () => {
  const error = coded('ECONNREFUSED', 'queryA ECONNREFUSED receiver.test');
  expect(failureOf(error, connecting).code).toBe('dns_failed');
});

test('of several addresses, the error that tells about the receiver counts', () => {
  const refused = coded('ECONNREFUSED', 'connect ECONNREFUSED 192.0.2.1:443');
  for (const local of ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT']) {
    const { code, message } = failureOf(new AggregateError([coded(local), refused]), connecting);
    expect(code).toBe('connection_refused');
    expect(message).toBe('connect ECONNREFUSED 192.0.2.1:443');
  }
  const none = new AggregateError([coded('ENETUNREACH'), coded('ENETUNREACH')]);
  expect(failureOf(none, connecting).code).toBe('host_unreachable');
});

test('a message has no query string, no NUL and at most 500 characters', () => {
  const error = new Error(
    `Cannot reach https://receiver.test/a?token=s3cret\0 ${'x'.repeat(1_000)}`,
  );
  const { code, message } = failureOf(error, sent);
  expect(code).toBe('unclassified');
  expect(message).not.toContain('s3cret');
  expect(message).toHaveLength(500);
});

test('whatever is thrown has a code and a message that Postgres takes', () => {
  fc.assert(
    fc.property(fc.anything(), fc.string({ unit: 'binary' }), (thrown, text) => {
      for (const error of [thrown, new Error(text), coded(text, text)]) {
        const { code, message } = failureOf(error, sent);
        expect(code).toBeTypeOf('string');
        expect(message.isWellFormed() && !message.includes('\0')).toBe(true);
        expect(message.length).toBeLessThanOrEqual(500);
      }
    }),
  );
});

function coded(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}
