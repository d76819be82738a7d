import type { LaneGroups } from '../domain/lane.ts';
import type { LaneEnd } from './active-lanes.ts';
import type { GroupEpochs } from './groups.ts';

/** What a request takes slots of. */
export interface Placed {
  readonly lane: string;
  readonly groups: LaneGroups;
}

/** The epochs in which a request began, to be given back to the lane book when it ends. */
export interface Begun extends GroupEpochs {
  readonly lane: number;
}

/** How a request ended. */
export interface RequestEnd extends Omit<LaneEnd, 'epoch'> {
  readonly begun: Begun;
  /** The receiver gave an HTTP answer, whatever its status. */
  readonly answered: boolean;
}
