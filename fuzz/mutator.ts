// Pure: no I/O, no clock, no randomness.

import type { Random } from '../harness/random.ts';
import type { Draft } from './draft.ts';
import type { Known } from './known.ts';

/** One way to spoil a request. */
export interface Mutator {
  readonly name: string;
  /** Whether there is anything of it that this could spoil. */
  readonly fits?: (draft: Draft) => boolean;
  readonly apply: (draft: Draft, context: MutatorContext) => void;
}

export interface MutatorContext {
  readonly random: Random;
  readonly known: Known;
}
