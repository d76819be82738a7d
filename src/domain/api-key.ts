// Pure: no I/O, no clock, no randomness.

/** read: look at everything; send: send webhooks; manage: change, retry, cancel. None holds another. */
export const apiScopes = ['read', 'send', 'manage'] as const;

export type ApiScope = (typeof apiScopes)[number];

/** A key is this and 32 random bytes in base64url. */
export const keyPrefix = 'phk_';
export const keyShape = /^phk_[A-Za-z0-9_-]{43}$/;
/** Of the key, for people: enough to find it again, and nothing to guess the rest by. */
export const shownLength = keyPrefix.length + 6;

/** What a request needs: to look is to read, to send is to send, and all else is to manage. */
export function scopeOf({
  method,
  path,
}: {
  readonly method: string;
  readonly path: string;
}): ApiScope {
  if (method === 'GET' || method === 'HEAD') return 'read';
  return path === '/webhooks/send' ? 'send' : 'manage';
}

/** Whether only this machine can reach an address. A name other than localhost may be anything. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The key in an Authorization header; undefined when it is no Bearer token. The scheme is in any case (RFC 9110). */
export function bearerOf(header: string | undefined): string | undefined {
  return /^bearer +([\x21-\x7e]+) *$/i.exec(header ?? '')?.[1];
}
