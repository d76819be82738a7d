import type { LaneGroups } from '../domain/lane.ts';
import type { TenantAccess } from './lane.ts';
import type { LaneRule } from './owned-lanes.ts';

/** A lane or tenant that is limited, or a lane of a limited tenant, as take-lanes.sql found it. */
export interface RuleRow {
  lane: string;
  access: 'anyone' | 'mine' | 'locked' | 'other';
  was_own: boolean;
  is_ordered: boolean;
  is_tenant: boolean;
  max_in_flight: number | null;
  rate_limit_per_s: number | null;
  rate_in_ms: number | null;
  retry_in_ms: number | null;
  /** Those of the endpoint; null if it is none's. */
  origin: string | null;
  tenant: string | null;
  tenant_access: TenantAccess | null;
}

/** Undefined: the row is not that of an endpoint. */
export function groupsOf({ origin, tenant }: RuleRow): LaneGroups | undefined {
  return origin === null ? undefined : { tenant, origin };
}

/** The rule in a row, within what the CHECKs allow. */
export function ruleOf(row: RuleRow, { isUsedUp }: { isUsedUp: boolean }): LaneRule {
  // A limit of 0, which the CHECKs refuse, would hold the lane forever without a word.
  const ratePerS = row.rate_limit_per_s === null ? null : legalRate(row.rate_limit_per_s);
  const unknownMs = isUsedUp && ratePerS !== null ? 1_000 / ratePerS : 0;
  return {
    isOrdered: row.is_ordered,
    isTenant: row.is_tenant,
    tenant: row.tenant,
    maxInFlight: row.max_in_flight === null ? null : Math.max(1, row.max_in_flight),
    ratePerS,
    // Never longer than one turn, whatever stands in the row.
    rateInMs: Math.max(
      0,
      Math.min(row.rate_in_ms ?? 0, ratePerS === null ? 0 : 1_000 / ratePerS),
      unknownMs,
    ),
    retryInMs: Math.max(0, row.retry_in_ms ?? 0),
  };
}

/** The nearest rate that a CHECK lets in. */
function legalRate(ratePerS: number): number {
  return Number.isNaN(ratePerS) ? 0.001 : Math.min(Math.max(ratePerS, 0.001), 10_000);
}
