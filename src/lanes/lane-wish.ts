import type { LaneGroups } from '../domain/lane.ts';

/** A part of a claim: up to `quota` webhooks of one lane and priority that are due from `dueFromMs` on. */
export interface LaneWish {
  readonly lane: string;
  readonly priority: number;
  readonly quota: number;
  readonly dueFromMs: number;
  /** 0 goes before 1: the turns reserved for lesser priorities. */
  readonly rank: number;
  /** This process owns the lane or its tenant, and the quota keeps the limits. */
  readonly isOwned: boolean;
  readonly groups: LaneGroups;
  /** How many webhooks are taken from an ordered lane, to be sent one after another; 1 if it is not said. */
  readonly ahead?: number;
}
