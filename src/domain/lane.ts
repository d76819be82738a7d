// Pure: no I/O, no clock, no randomness.

const least = -(2n ** 63n);
const most = 2n ** 63n - 1n;

/** Where a lane stands in the tree of shares: keys as posthorn.origin_of() and posthorn.tenant_key() compute them. */
export interface LaneGroups {
  /** Null: the application's own. */
  readonly tenant: string | null;
  readonly origin: string;
}

/** Whether a text is a lane number as Postgres writes a bigint. Nothing else may get into a claim. */
export function isLane(text: string): boolean {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return false;
  const number = BigInt(text);
  return number >= least && number <= most;
}

/**
 * Whose a lane is: keys of the groups that share slots, as posthorn.tenant_key() and posthorn.origin_of() compute them, decimal. The top
 * group is the tenant if there is one, else the origin.
 */
export interface LaneGroups {
  readonly tenant: string | null;
  readonly origin: string;
}

/** A lane whose groups are not known is a group of its own. */
export function ownGroup(lane: string): LaneGroups {
  return { tenant: null, origin: lane };
}
