// Pure: no I/O, no clock, no randomness.

/** Where a request goes. */
export interface Target {
  /** Scheme, host and port, normalised. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly secure: boolean;
}

/**
 * Splits a URL, or returns undefined when a webhook must not go there: it is not an http or https URL, it contains a
 * user name or password, or its port is 0. This is the last line of defence: the CHECK on the outbox and the API come
 * first.
 */
export function targetOf(url: string): Target | undefined {
  const parsed = URL.parse(url);
  if (parsed === null) return undefined;
  const { protocol, username, password, port } = parsed;
  if (protocol !== 'https:' && protocol !== 'http:') return undefined;
  if (username !== '' || password !== '' || port === '0') return undefined;
  return {
    origin: parsed.origin,
    path: parsed.pathname + parsed.search,
    secure: protocol === 'https:',
  };
}
