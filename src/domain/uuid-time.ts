// Pure: no I/O, no clock, no randomness.

/** The time in a UUID v7, which is its first 48 bits: Unix time in ms. */
export function uuidTimeMs(id: string): number {
  return Number.parseInt(id.slice(0, 8), 16) * 65_536 + Number.parseInt(id.slice(9, 13), 16);
}
