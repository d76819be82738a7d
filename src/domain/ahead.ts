// Pure: no I/O, no clock, no randomness.

/**
 * How many webhooks of an ordered lane a claim takes ahead, to be sent one after another. As many as the lane can send in three
 * quarters of a second: then a claim and a record, a few milliseconds each, cost it about a hundredth of its time, and people who
 * cancel or edit a webhook find it leased for no longer than that.
 */
export interface Ahead {
  /** From the start of one request to the start of the next, as a moving average; undefined: nothing was answered yet. */
  readonly turnMs: number | undefined;
  /** The last request was not delivered: the next one is sent alone. */
  readonly isFailing: boolean;
}

const workMs = 750;
const mostAhead = 100;
/** The weight of the latest turn in the moving average. */
const weight = 0.3;

export const unknownAhead: Ahead = { turnMs: undefined, isFailing: false };

/** After a delivery. */
export function delivered({ turnMs }: Ahead, tookMs: number): Ahead {
  const known = turnMs ?? tookMs;
  return { turnMs: known + (tookMs - known) * weight, isFailing: false };
}

/** After anything else. What is known of the turns stays. */
export function undelivered({ turnMs }: Ahead): Ahead {
  return { turnMs, isFailing: true };
}

/** How many a claim may take: one as long as nothing is known of the lane, or it fails. */
export function lengthOf({ turnMs, isFailing }: Ahead): number {
  if (turnMs === undefined || isFailing) return 1;
  return Math.max(1, Math.min(mostAhead, Math.floor(workMs / Math.max(turnMs, 1))));
}

/** Cuts what lanes take ahead so that they take no more than `room` together, besides the first webhook of each. */
export function withinRoom<Wish extends { readonly ahead?: number }>(
  wishes: readonly Wish[],
  room: number,
): Wish[] {
  let left = Math.max(0, room);
  return wishes.map((wish) => {
    const more = Math.min((wish.ahead ?? 1) - 1, left);
    left -= more;
    return more === (wish.ahead ?? 1) - 1 ? wish : { ...wish, ahead: more + 1 };
  });
}
