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
