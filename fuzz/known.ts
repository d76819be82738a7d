// Pure: no I/O, no clock, no randomness.

import type { Random } from '../harness/random.ts';

/** What of the subject the generator knows, so that its requests get further than "there is no such id". */
export interface Known {
  /** Ids that exist or did, by the first step of the path that they belong to. */
  readonly ids: ReadonlyMap<string, readonly string[]>;
  /** Cursors that the API gave out. */
  readonly cursors: readonly string[];
  readonly keys: ApiKeys;
  /** Stands in everything that must never be seen again: secrets, headers and bodies of webhooks. */
  readonly planted: string;
}

/** API keys by what they may do; "all" is what a valid request has. */
export interface ApiKeys {
  readonly all: string;
  readonly others: readonly string[];
}

/** An id that exists, or a made-up one where none is known. */
export function idOf(kind: string, { known, random }: { known: Known; random: Random }): string {
  const ids = known.ids.get(kind) ?? [];
  return ids.length === 0 ? uuid(random) : random.pick(ids);
}

/** A UUID v7 that nobody made. */
export function uuid(random: Random): string {
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => random.whole(0, 15).toString(16)).join('');
  return `0199${hex(4)}-${hex(4)}-7${hex(3)}-${random.pick(['8', '9', 'a', 'b'])}${hex(3)}-${hex(12)}`;
}
