// Pure: no I/O, no clock, no randomness.

/** What a result says about the endpoint. */
export type Pressure =
  /** It is too slow or too busy: halve its slots. */
  | 'overload'
  /** The endpoint or its configuration does not work. */
  | 'broken'
  /** Nothing: it concerns only this webhook. */
  | 'neutral';

interface Failure {
  /** repeat: trouble on our side; the attempt does not count. */
  readonly verdict: 'retry' | 'fail' | 'repeat';
  readonly pressure: Pressure;
  /**
   * repeat only: the delay before the next try; the lane gets nothing until then. Without it: soon, and nothing else
   * waits.
   */
  readonly pauseMs?: number;
  /** What happened, and what the operator can do about it. */
  readonly meaning: string;
}

export type FailureCode = keyof typeof failureCodes;

/** Every way in which an attempt can end without a response. The codes are stable: people query them. */
export const failureCodes = {
  connection_refused: broken('Nothing listens at that address and port. Check the URL.'),
  connection_reset: broken('The receiver reset the connection before it answered.'),
  connection_closed: broken('The receiver closed the connection before it answered.'),
  host_unreachable: broken('No route to the address.'),
  connect_timeout: slow('No connection (DNS, TCP, TLS) within the connect timeout.'),
  timeout: slow('No response headers within the timeout.'),
  dns_not_found: broken('The host name does not exist or has no address. Check the URL.'),
  dns_failed: broken('The name server did not answer, or answered with an error.'),
  tls_certificate_expired: broken('The certificate has expired. Renew it.'),
  tls_certificate_not_yet_valid: broken(
    'The certificate is not valid yet. Check the clocks of both sides.',
  ),
  tls_untrusted: broken(
    'No known authority signed the certificate. Install a public one, with its intermediates.',
  ),
  tls_wrong_host: broken('The certificate is for another host name.'),
  tls_handshake: broken('The TLS handshake failed. Is it an https port, with TLS 1.2 or later?'),
  not_http: broken('The receiver did not answer in HTTP/1.1.'),
  headers_overflow: broken('The response headers are larger than 16 KiB.'),
  address_blocked: broken(
    'The name has only private or reserved addresses. Allow them with POSTHORN_ALLOW_NETWORKS.',
  ),
  address_blocked_literal: hopeless(
    'The URL holds a private or reserved address. Allow it with POSTHORN_ALLOW_NETWORKS.',
  ),
  proxy_refused: broken('The proxy does not allow requests to this receiver.'),
  proxy_no_route: broken('The proxy could not connect to the receiver. Check the URL.'),
  proxy_failed: ours(
    'The proxy of POSTHORN_PROXY_URL cannot be reached, or wants other credentials.',
  ),
  url_invalid: hopeless('The URL is not http or https, or holds a user name, or cannot be parsed.'),
  endpoint_deleted: hopeless('Its registered endpoint was deleted while the webhook waited.'),
  payload_gone: hopeless(
    'Its row was deleted from posthorn.outbox while the webhook waited: nothing was sent.',
  ),
  request_invalid: hopeless('A header cannot be sent over HTTP.'),
  out_of_file_descriptors: ours('The process may not open more files. Raise ulimit -n.'),
  out_of_ports: ours('No local port is free. Widen net.ipv4.ip_local_port_range.'),
  out_of_memory: ours('The kernel has no memory left for sockets.'),
  network_down: ours('The network interface is down.'),
  not_permitted: ours('The kernel forbids the connection. Check the local firewall.'),
  encryption_key_missing: held(
    'The secrets of its endpoint are sealed with a key that this worker does not have; the message names it. Put it into POSTHORN_ENCRYPTION_KEYS.',
  ),
  secret_unreadable: held(
    'The secrets of its endpoint do not open with the key that they name: it is another key, or they were changed. Put the right key back, or give the endpoint a new secret.',
  ),
  aborted: ours('The process is stopping.'),
  unclassified: broken('An error that Posthorn does not know. Please report it.'),
} as const satisfies Record<string, Failure>;

/** The entry of a code; the one of `unclassified` if the code is not in the table. */
export function failure(code: string): Failure {
  return isFailureCode(code) ? failureCodes[code] : failureCodes.unclassified;
}

function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(failureCodes, code);
}

function broken(meaning: string): Failure {
  return { verdict: 'retry', pressure: 'broken', meaning };
}

function slow(meaning: string): Failure {
  return { verdict: 'retry', pressure: 'overload', meaning };
}

function hopeless(meaning: string): Failure {
  return { verdict: 'fail', pressure: 'neutral', meaning };
}

/** An operator must look, and the webhooks of one endpoint wait until then: 1,000 tries take three and a half days. */
function held(meaning: string): Failure {
  return { verdict: 'repeat', pressure: 'neutral', pauseMs: 300_000, meaning };
}

function ours(meaning: string): Failure {
  return { verdict: 'repeat', pressure: 'neutral', meaning };
}
