import { hasAnsweredLately } from '../domain/group-slots.ts';
import type { Group } from './group.ts';

/** Their order is right to this time, so that few answers change it. */
const exactToMs = 1_000;

/** The groups that have answered lately, in the order of their latest answers. */
export class AnsweringGroups {
  readonly #listedMs = new Map<Group, number>();

  has(group: Group): boolean {
    return this.#listedMs.has(group);
  }

  /** The group has answered. */
  add(group: Group, nowMs: number): void {
    const listedMs = this.#listedMs.get(group);
    if (listedMs !== undefined && nowMs - listedMs <= exactToMs) return;
    this.#listedMs.delete(group);
    this.#listedMs.set(group, nowMs);
  }

  delete(group: Group): void {
    this.#listedMs.delete(group);
  }

  /** The last to have answered. */
  latest(most: number): readonly Group[] {
    return [...this.#listedMs.keys()].slice(-most);
  }

  /** Drops those whose latest answer was long ago, and says which. */
  sweep(nowMs: number): readonly Group[] {
    const dropped: Group[] = [];
    for (const [group, listedMs] of this.#listedMs) {
      if (nowMs - listedMs <= exactToMs || hasAnsweredLately(group, nowMs)) break;
      this.#listedMs.delete(group);
      dropped.push(group);
    }
    return dropped;
  }
}
