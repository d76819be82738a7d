// Pure: no I/O, no clock, no randomness.

/**
 * Headers that the connection or Posthorn sets. Host would also choose the name that the certificate is checked for.
 * posthorn.names_reserved_header() says the same in SQL; a test compares them. A star stands for any ending.
 */
export const reservedHeaders = [
  'Host',
  'Connection',
  'Keep-Alive',
  'Proxy-*',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
  'Expect',
  'Content-Length',
  'Content-Type',
  'Content-Encoding',
  'Accept-Encoding',
  'Cookie',
  'Idempotency-Key',
  'traceparent',
  'webhook-*',
  'x-webhook-*',
] as const;

const pattern = new RegExp(`^(?:${reservedHeaders.join('|').replaceAll('*', '.*')})$`, 'is');

/** Whether producers must not set this header. */
export function isReservedHeader(name: string): boolean {
  return pattern.test(name);
}
