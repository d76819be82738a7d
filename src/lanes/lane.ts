import type { LaneGroups } from '../domain/lane.ts';
import type { Sighting } from '../domain/visibility.ts';

/** A lane that was seen with due webhooks. */
export interface SeenLane {
  readonly lane: string;
  readonly priority: number;
  readonly dueMs: number;
  readonly access: LaneAccess;
  readonly tenantAccess: TenantAccess;
  readonly groups: LaneGroups;
}

/** A lane with due webhooks in the discovery window. */
export interface DiscoveredLane extends SeenLane {
  readonly waiting: number;
}

/**
 * Who may claim a lane. 'anyone': it has no limits. 'mine', 'unowned', 'theirs': it has limits, and this worker, none or another
 * owns it. 'blocked': no worker now, because of a breaker or because its endpoint is held. 'probe': blocked as well, by the breaker of
 * its origin, whose probe is due and can be one of its webhooks.
 */
export type LaneAccess = 'anyone' | 'mine' | 'unowned' | 'theirs' | 'blocked' | 'probe';

/** The same for its tenant: who may claim its lanes, as far as its own limits are concerned. */
export type TenantAccess = Exclude<LaneAccess, 'blocked' | 'probe'>;

/** What a claim saw of the queue in its window. */
export interface Look {
  readonly page: SeenPage;
  readonly look: Sighting;
}

export interface SeenPage {
  readonly webhooks: number;
  /** When the last of them is due; 0 if there is none. */
  readonly toMs: number;
}

/** Sees as many rows as the page of claim.sql holds. A full page means that there may be more. */
export const discoveryPage = 250;
