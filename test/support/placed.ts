import { type LaneGroups, ownGroup } from '../../src/domain/lane.ts';
import type { Placed } from '../../src/lanes/request.ts';

/** A lane in these groups; without them in its own. */
export function of(lane: string, groups: LaneGroups = ownGroup(lane)): Placed {
  return { lane, groups };
}
