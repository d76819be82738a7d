import type { Group } from './group.ts';

/** How many groups of a kind a claim is told of. */
export const mostListed = 1_000;

/** Groups that have other slots than usual, those whose slots have changed last at the end. */
export class UnusualGroups {
  readonly #groups = new Set<Group>();

  /** So many that a claim is not told of all of them: 20,000 hosts that failed took 30 ms a claim. */
  get areMany(): boolean {
    return this.#groups.size > mostListed;
  }

  /** Those that a claim is told of: all, or the last ones, some of which are left alone for a moment. */
  get listed(): Iterable<Group> {
    return this.areMany ? [...this.#groups].slice(-mostListed) : this.#groups;
  }

  add(group: Group): void {
    this.#groups.delete(group);
    this.#groups.add(group);
  }

  delete(group: Group): void {
    this.#groups.delete(group);
  }

  [Symbol.iterator](): Iterator<Group> {
    return this.#groups.values();
  }
}
