// Pure: no I/O, no clock, no randomness.

import { Random } from '../harness/random.ts';
import { bodyMutators } from './body-mutators.ts';
import { byteMutators } from './byte-mutators.ts';
import type { Operation } from './document.ts';
import { type Draft, validDraft } from './draft.ts';
import { framingMutators } from './framing-mutators.ts';
import { headerMutators } from './header-mutators.ts';
import type { Known } from './known.ts';
import type { Mutator } from './mutator.ts';
import { targetMutators } from './target-mutators.ts';

/*
 * A case is a valid request and what is done to it. It follows from the seed, its number and what is known of the subject: so a
 * finding can be had again, and made smaller by leaving mutations out.
 */

interface Mutation {
  readonly mutator: Mutator;
  readonly seed: number;
}

export interface Case {
  readonly operation: Operation;
  readonly seed: number;
  readonly mutations: readonly Mutation[];
}

/** Kinds of mutations, by how often they come. Those of bodies have most ways to go wrong. */
const groups: readonly { readonly weight: number; readonly mutators: readonly Mutator[] }[] = [
  { weight: 40, mutators: bodyMutators },
  { weight: 16, mutators: byteMutators },
  { weight: 18, mutators: targetMutators },
  { weight: 16, mutators: headerMutators },
  { weight: 10, mutators: framingMutators },
];

export const mutators: readonly Mutator[] = groups.flatMap((group) => group.mutators);

/** Every sixth is left valid: what changes nothing gets no further than the door. */
const counts = [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3] as const;

/** The case with this number. */
export function makeCase(
  operations: readonly Operation[],
  {
    seed,
    number,
    known,
  }: { readonly seed: number; readonly number: number; readonly known: Known },
): Case {
  const random = new Random(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
  // The first numbers of seeds that are near each other are alike.
  random.next();
  const operation = random.pick(operations);
  const bare: Case = { operation, seed: random.whole(0, 2 ** 32 - 1), mutations: [] };
  const mutations: Mutation[] = [];
  for (let left: number = random.pick(counts); left > 0; left -= 1) {
    const draft = buildDraft({ ...bare, mutations }, known);
    mutations.push({ mutator: pickMutator(draft, random), seed: random.whole(0, 2 ** 32 - 1) });
  }
  return { ...bare, mutations };
}

/** The request of a case; each call makes it anew. */
export function buildDraft({ operation, seed, mutations }: Case, known: Known): Draft {
  const draft = validDraft(operation, { random: new Random(seed), known });
  for (const { mutator, seed } of mutations) {
    mutator.apply(draft, { random: new Random(seed), known });
  }
  return draft;
}

/** What a case does, in words. */
export function describeCase({ operation, mutations }: Case): string {
  const done = mutations.map(({ mutator }) => mutator.name).join(' + ');
  return `${operation.name}, ${done === '' ? 'as it is' : done}`;
}

/**
 * The smallest case that still fails: one mutation after the other is left out for as long as it does.
 */
export async function minimise(
  failing: Case,
  stillFails: (smaller: Case) => Promise<boolean>,
): Promise<Case> {
  for (const left of failing.mutations) {
    const smaller = { ...failing, mutations: failing.mutations.filter((one) => one !== left) };
    if (await stillFails(smaller)) return minimise(smaller, stillFails);
  }
  return failing;
}

function pickMutator(draft: Draft, random: Random): Mutator {
  const possible = groups
    .map(({ weight, mutators }) => ({
      weight,
      mutators: mutators.filter(({ fits }) => fits === undefined || fits(draft)),
    }))
    .filter(({ mutators }) => mutators.length > 0);
  let at = random.between(
    0,
    possible.reduce((sum, { weight }) => sum + weight, 0),
  );
  for (const { weight, mutators } of possible) {
    at -= weight;
    if (at < 0) return random.pick(mutators);
  }
  return random.pick(mutators);
}
