// Pure: no I/O, no clock, no randomness.

/**
 * How strictly the HTTP API compares events with the catalogue. known: the body of a type that has a schema must fit it.
 * strict: the type must be in the catalogue too.
 */
export const checkModes = ['off', 'known', 'strict'] as const;

export type CheckMode = (typeof checkModes)[number];
