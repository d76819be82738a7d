// Pure: no I/O, no clock, no randomness.

/** read: look at everything; send: send webhooks and publish events; manage: change, retry, cancel. No scope includes another. */
export const apiScopes = ['read', 'send', 'manage'] as const;

export type ApiScope = (typeof apiScopes)[number];

/** What the scope send may POST to. */
const sendPaths: ReadonlySet<string> = new Set(['/webhooks/send', '/events', '/events/batch']);

/** A key is this prefix and 32 random bytes in base64url. */
export const keyPrefix = 'phk_';
export const keyShape = /^phk_[A-Za-z0-9_-]{43}$/;
/** How many characters of a key are shown: enough to recognise it, too few to guess the rest. */
export const shownLength = keyPrefix.length + 6;

/**
 * The scope that a request needs: read to look at something, send to send webhooks and publish events, manage for
 * everything else.
 */
export function scopeOf({
  method,
  path,
}: {
  readonly method: string;
  readonly path: string;
}): ApiScope {
  if (method === 'GET' || method === 'HEAD') return 'read';
  // It only explains; the body is too large for a URL.
  if (method === 'POST' && path === '/events/recipients') return 'read';
  return sendPaths.has(path) ? 'send' : 'manage';
}

/**
 * Whether only this machine can reach a host. Only "localhost" is trusted as a name; other names may resolve to
 * anything.
 */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Reads the key from an Authorization header; undefined: it is not a Bearer token. The scheme may be in any case (RFC
 * 9110).
 */
export function bearerOf(header: string | undefined): string | undefined {
  return /^bearer +([\x21-\x7e]+) *$/i.exec(header ?? '')?.[1];
}
