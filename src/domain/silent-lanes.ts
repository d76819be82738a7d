// Pure: no I/O, no clock, no randomness.

interface SilentLane {
  readonly origin: string;
  failures: number;
  readonly sinceMs: number;
  /** How often the origin had answered at the first failure. */
  readonly answersBefore: number;
}

interface SilentOrigin {
  answers: number;
  /** The only lane that has failed since the last answer. Undefined: none has; null: several have. */
  onlyLane: string | null | undefined;
}

/** Of lanes, and of origins, this many are remembered: those that failed last. */
const mostRemembered = 10_000;

/**
 * Which lanes got no answer to their last requests, as this process has seen it, and whether that may be their own fault.
 *
 * A lane whose origin does not answer either needs no breaker of its own, because the origin has one. An origin may have a
 * path for each webhook, and each path may fail once or twice until the origin's breaker opens.
 */
export class SilentLanes {
  readonly #lanes = new Map<string, SilentLane>();
  readonly #origins = new Map<string, SilentOrigin>();

  /** Notes the end of a request, and whether it got any answer. */
  note(
    { lane, origin }: { readonly lane: string; readonly origin: string },
    { answered, nowMs }: { readonly answered: boolean; readonly nowMs: number },
  ): void {
    const known = this.#origins.get(origin);
    if (answered) {
      this.#lanes.delete(lane);
      if (known === undefined) return;
      known.answers += 1;
      known.onlyLane = undefined;
      return;
    }
    const onlyLane = (known?.onlyLane ?? lane) === lane && known?.onlyLane !== null ? lane : null;
    const answers = known?.answers ?? 0;
    remember(this.#origins, origin, { answers, onlyLane });
    const before = this.#lanes.get(lane);
    const first = { origin, failures: 0, sinceMs: nowMs, answersBefore: answers };
    const silent = before?.origin === origin ? before : first;
    remember(this.#lanes, lane, { ...silent, failures: silent.failures + 1 });
  }

  /**
   * Since when the lane has failed, if it has failed twice in a row and its origin has answered in between, or only this
   * lane of the origin fails. Undefined: a breaker of its own would be of no use.
   */
  failingAloneSince(
    lane: string,
  ): { readonly failures: number; readonly sinceMs: number } | undefined {
    const silent = this.#lanes.get(lane);
    if (silent === undefined || silent.failures < 2) return undefined;
    const origin = this.#origins.get(silent.origin);
    if (origin === undefined) return undefined;
    const isAlone = origin.onlyLane === lane || origin.answers > silent.answersBefore;
    return isAlone ? { failures: silent.failures, sinceMs: silent.sinceMs } : undefined;
  }
}

/** The last of those that are remembered is the newest. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= mostRemembered) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
