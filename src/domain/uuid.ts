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

/** No UUID v7 of this time or later is below it. */
export function lowestIdOf(timeMs: number): string {
  const hex = timeMs.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
