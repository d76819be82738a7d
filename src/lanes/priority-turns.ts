import { ReservedTurns } from '../domain/reserved-turns.ts';
import type { LaneChoice } from './lane-choice.ts';
import { priorities } from './share-rings.ts';

/** Divides a claim among the priorities: high before normal before low, with one turn in ten for the lesser ones. */
export class PriorityTurns {
  readonly #reserved = new ReservedTurns();
  #lastClaimed = 0;

  /** @param isShared whether backlogs hold back for what may arrive. */
  divide(choice: LaneChoice, { room, isShared }: { room: number; isShared: boolean }): void {
    let left = room;
    // While better priorities hold back, a tenth of what they take, not of what there is room for.
    const reserved = this.#reserved.dueIn(isShared ? Math.min(this.#lastClaimed, room) : room);
    for (let turn = 0; turn < reserved; turn += 1) {
      for (const priority of this.#reserved.orderOf(turn)) {
        if (!isOutranked(choice, priority)) continue;
        const taken = choice.take({ priority, room: 1, rank: 0 });
        left -= taken;
        if (taken > 0) break;
      }
    }
    for (const priority of priorities) {
      if (left === 0) break;
      const taken = choice.take({ priority, room: left, rank: 1 });
      left -= taken;
      // While backlogs hold back, what the better ones leave is left for what may arrive: the lesser have their turns.
      if (isShared && taken > 0) break;
    }
  }

  /** Counts what a claim gave. */
  count(claimed: number): void {
    this.#lastClaimed = claimed;
    this.#reserved.count(claimed);
  }
}

function isOutranked(choice: LaneChoice, priority: number): boolean {
  return priorities.some((better) => better < priority && choice.hasTurns(better));
}
