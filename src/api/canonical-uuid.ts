// Pure: no I/O, no clock, no randomness.

/** Canonical only: what Postgres takes besides (upper case, braces, no dashes) would give one row many URLs. */
export function isCanonicalUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}
