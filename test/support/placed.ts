import { type LaneGroups, ownGroup } from '../../src/domain/lane.ts';
import type { LaneBook } from '../../src/lanes/lane-book.ts';
import type { Begun, Placed } from '../../src/lanes/request.ts';

/** A lane in these groups; without them in its own. */
export function of(lane: string, groups: LaneGroups = ownGroup(lane)): Placed {
  return { lane, groups };
}

export const originOnly = (origin: string): LaneGroups => ({ tenant: null, origin });

interface Flight {
  readonly placed: Placed;
  readonly begun: Begun;
}

/** Begins so many requests of lanes in these groups, a lane each. */
export function beginIn(
  book: LaneBook,
  groups: LaneGroups,
  { count, nowMs = 0 }: { count: number; nowMs?: number },
): Flight[] {
  return Array.from({ length: count }, (_, n) => {
    const placed = of(`sent ${n}`, groups);
    return { placed, begun: book.begin(placed, nowMs) };
  });
}

/** Ends them with too much for the receiver, which said so or gave no answer. */
export function endAll(
  book: LaneBook,
  flights: readonly Flight[],
  { answered, nowMs = 0 }: { answered: boolean; nowMs?: number },
): void {
  for (const { placed, begun } of flights) {
    book.end(placed, { begun, verdict: answered ? 'other' : 'overload', answered, nowMs });
  }
}
