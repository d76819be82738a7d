// Pure: no I/O, no clock, no randomness.

import type { FailureCode } from './failure-codes.ts';
import { storable } from './response-text.ts';

/** The phase of the request in which the error came. */
export interface FailurePhase {
  readonly secure: boolean;
  /** There was no connection yet: DNS, TCP or TLS failed. */
  readonly connecting: boolean;
}

/**
 * Names an error of undici, net, tls or dns. Verified against undici 8.12.4 and Node 24.
 *
 * The `code` alone is not enough: a parser error has none, an AggregateError has an empty message, there are many TLS
 * codes, and a reset means something else during a TLS handshake.
 */
export function failureOf(
  error: unknown,
  phase: FailurePhase,
): { readonly code: FailureCode; readonly message: string } {
  const told = mostTelling(error);
  const cut = phase.connecting && phase.secure && inHandshake.has(told.code);
  const code = cut ? 'tls_handshake' : codeOf(told);
  const text = told.message === '' ? told.code : told.message;
  // A message could quote the URL, whose query often holds a token.
  return {
    code,
    message: storable(text.replace(/\?\S*/g, '').replace(/\s+/g, ' ').trim().slice(0, 500)),
  };
}

interface Told {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

/** The connection broke before its keys were agreed on: a TLS fault of the receiver, e.g. an unknown server name. */
const inHandshake = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

const codes: Readonly<Record<string, FailureCode>> = {
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_reset',
  ECONNABORTED: 'connection_reset',
  EPIPE: 'connection_reset',
  UND_ERR_SOCKET: 'connection_closed',
  UND_ERR_INFO: 'connection_closed',
  EHOSTUNREACH: 'host_unreachable',
  EHOSTDOWN: 'host_unreachable',
  ENETUNREACH: 'host_unreachable',
  EAFNOSUPPORT: 'host_unreachable',
  EINVAL: 'host_unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  ETIMEDOUT: 'connect_timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  ENOTFOUND: 'dns_not_found',
  ENODATA: 'dns_not_found',
  ESERVFAIL: 'dns_failed',
  ETIMEOUT: 'dns_failed',
  EREFUSED: 'dns_failed',
  EFORMERR: 'dns_failed',
  EBADRESP: 'dns_failed',
  EBADNAME: 'dns_failed',
  ENOTIMP: 'dns_failed',
  ECANCELLED: 'dns_failed',
  CERT_HAS_EXPIRED: 'tls_certificate_expired',
  CERT_NOT_YET_VALID: 'tls_certificate_not_yet_valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls_wrong_host',
  HOSTNAME_MISMATCH: 'tls_wrong_host',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls_untrusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls_untrusted',
  INVALID_CA: 'tls_untrusted',
  INVALID_PURPOSE: 'tls_untrusted',
  PATH_LENGTH_EXCEEDED: 'tls_untrusted',
  EPROTO: 'tls_handshake',
  UND_ERR_HEADERS_OVERFLOW: 'headers_overflow',
  HPE_HEADER_OVERFLOW: 'headers_overflow',
  // Two lengths, or a length together with chunks: the error comes before the headers are complete.
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'not_http',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'not_http',
  // undici's parser fails an assertion for things that llhttp lets through, such as a status of 000.
  ERR_ASSERTION: 'not_http',
  address_blocked: 'address_blocked',
  address_blocked_literal: 'address_blocked_literal',
  proxy_failed: 'proxy_failed',
  proxy_refused: 'proxy_refused',
  proxy_no_route: 'proxy_no_route',
  not_http: 'not_http',
  ERR_INVALID_URL: 'url_invalid',
  UND_ERR_INVALID_ARG: 'request_invalid',
  UND_ERR_NOT_SUPPORTED: 'request_invalid',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'request_invalid',
  ERR_INVALID_ARG_TYPE: 'request_invalid',
  ERR_INVALID_ARG_VALUE: 'request_invalid',
  EMFILE: 'out_of_file_descriptors',
  ENFILE: 'out_of_file_descriptors',
  EADDRNOTAVAIL: 'out_of_ports',
  EADDRINUSE: 'out_of_ports',
  ENOBUFS: 'out_of_memory',
  ENOMEM: 'out_of_memory',
  EAI_MEMORY: 'out_of_memory',
  ENETDOWN: 'network_down',
  EACCES: 'not_permitted',
  EPERM: 'not_permitted',
  UND_ERR_DESTROYED: 'aborted',
  UND_ERR_CLOSED: 'aborted',
  UND_ERR_ABORTED: 'aborted',
  ABORT_ERR: 'aborted',
};
const byCode = new Map(Object.entries(codes));

function codeOf({ name, code, message }: Told): FailureCode {
  if (name === 'HTTPParserError') return byCode.get(code) ?? 'not_http';
  // "bad response": bytes before there was a request; "bad upgrade": a 101.
  if (code === 'UND_ERR_SOCKET' && message.startsWith('bad ')) return 'not_http';
  if (code === 'ECONNREFUSED' && message.startsWith('query')) return 'dns_failed';
  const known = byCode.get(code);
  if (known !== undefined) return known;
  if (code.startsWith('EAI_')) return 'dns_failed';
  if (/^(?:UNABLE_TO_|CERT_|CRL_|ERROR_IN_C)/.test(code)) return 'tls_untrusted';
  if (/^ERR_(?:SSL|TLS|OSSL)_/.test(code)) return 'tls_handshake';
  return 'unclassified';
}

/** Codes that say more about this machine (no IPv6, say) than about the receiver. */
const lessTelling = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/** Picks, from the errors of several addresses, the first that says something about the receiver. */
function mostTelling(error: unknown): Told {
  if (error instanceof AggregateError && error.errors.length > 0) {
    const all: Told[] = error.errors.map(tell);
    return all.find((told) => !lessTelling.has(told.code)) ?? all[0] ?? tell(error);
  }
  return tell(error);
}

function tell(error: unknown): Told {
  if (!(error instanceof Error)) return { name: '', code: '', message: 'Not an Error' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { name: error.name, code, message: error.message };
}
