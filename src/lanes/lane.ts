import type { LaneGroups } from '../domain/lane.ts';
import type { Sighting } from '../domain/visibility.ts';

/** A lane with due webhooks in the discovery window. */
export interface DiscoveredLane {
  readonly lane: string;
  readonly priority: number;
  readonly waiting: number;
  readonly dueMs: number;
  readonly lastDueMs: number;
  readonly access: LaneAccess;
  readonly groups: LaneGroups;
}

/**
 * Who may claim a lane. 'anyone': it has no limits. 'mine', 'unowned', 'theirs': it has limits, and this worker, none or another
 * owns it. 'blocked': no worker now, because of a breaker or because its endpoint is held. 'probe': blocked as well, by the breaker of
 * its origin, whose probe is due and can be one of its webhooks.
 */
export type LaneAccess = 'anyone' | 'mine' | 'unowned' | 'theirs' | 'blocked' | 'probe';

/** What a claim saw of the queue. */
export interface Look {
  readonly discovered: readonly DiscoveredLane[];
  readonly look: Sighting;
}

/** Discovers as many rows as the page of claim.sql holds. A full page means that there may be more. */
export const discoveryPage = 1_000;
