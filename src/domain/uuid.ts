// Pure: no I/O, no clock, no randomness.

/** A UUID in lower case with dashes. Postgres takes other forms too; here they would give one row many URLs. */
export const canonicalUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isCanonicalUuid(text: string): boolean {
  return canonicalUuid.test(text);
}

/** The time in a UUID v7, Unix time in ms: its first 48 bits. */
export function uuidTimeMs(id: string): number {
  return Number.parseInt(id.slice(0, 8), 16) * 65_536 + Number.parseInt(id.slice(9, 13), 16);
}
