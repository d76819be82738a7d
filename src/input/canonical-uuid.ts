// Pure: no I/O, no clock, no randomness.

/** Canonical only: what Postgres takes besides (upper case, braces, no dashes) would give one row many URLs. */
export const canonicalUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isCanonicalUuid(text: string): boolean {
  return canonicalUuid.test(text);
}
