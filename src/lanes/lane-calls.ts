import type { LaneBook } from './lane-book.ts';
import type { LaneScan } from './lane-scan.ts';
import type { LimitedLanes } from './limited-lanes.ts';
import type { OwnedLanes } from './owned-lanes.ts';

/** Why a lane was called: it is sent to again, or its rules have changed. Or it is an origin, and answers again. */
export type LaneCall = 'closed' | 'rules' | 'origin';

/** Calls that wait to be heard. Beyond these a scan of all lanes finds what they would have said. */
const mostWaiting = 1_000;
/** How long it takes until the next calls are heard, for each that was: 1,000 a second. */
const pauseMsPerCall = 1;

interface Listeners {
  readonly book: Pick<LaneBook, 'slowStart' | 'slowStartOrigin'> & {
    readonly owned: Pick<OwnedLanes, 'names'>;
  };
  readonly limited: Pick<LimitedLanes, 'want'>;
  readonly scan: Pick<LaneScan, 'want'>;
}

/**
 * The lanes and origins that notifications have named and that the loop has not looked at yet.
 *
 * Every role that may connect can notify, as often as it likes: 0.8 million lanes in ten seconds took 400 MB. So only some
 * are kept. If there are more, the rules of all lanes of this worker are read again, and all lanes are looked at.
 */
export class LaneCalls {
  readonly #listeners: Listeners;
  #waiting = new Map<string, LaneCall>();
  #hasMissed = false;
  #nextMs = 0;

  constructor(listeners: Listeners) {
    this.#listeners = listeners;
  }

  add(key: string, call: LaneCall): void {
    const known = this.#waiting.get(key);
    if (known === undefined && this.#waiting.size >= mostWaiting) this.#hasMissed = true;
    // A lane that works again has its rules read as well.
    else if (known !== 'closed') this.#waiting.set(key, call);
  }

  /** Passes on what waits, unless many calls were heard a moment ago. */
  hear(nowMs: number): void {
    if (nowMs < this.#nextMs || this.#waiting.size === 0) return;
    const { book, limited, scan } = this.#listeners;
    this.#nextMs = nowMs + this.#waiting.size * pauseMsPerCall;
    for (const [key, call] of this.#waiting) {
      if (call === 'origin') {
        book.slowStartOrigin(key, nowMs);
        scan.want();
        continue;
      }
      if (call === 'closed') book.slowStart(key, nowMs);
      limited.want(key);
    }
    this.#waiting = new Map();
    if (!this.#hasMissed) return;
    this.#hasMissed = false;
    for (const lane of book.owned.names) limited.want(lane);
    scan.want();
  }
}
