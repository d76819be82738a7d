import type { DiscoveredLane } from './lane.ts';

/** A lane with work, whose webhook can be the probe of its origin. */
export interface ProbeLane {
  readonly origin: string;
  readonly lane: string;
}

/** Breakers are asked this often for probes that are due; the intervals begin with 24 s. */
const everyMs = 1_000;
const mostProbes = 20;
/** Origins whose probe is due that are remembered. Those beyond are named again by the next scan. */
const mostOrigins = 1_000;

/**
 * For each origin whose probe is due, a lane with work: one webhook of it can be the probe.
 *
 * A lane is not probed twice in a row if another one is known. Otherwise a receiver that hangs and gets many webhooks would speak
 * for all others at its origin.
 */
export class ProbeLanes {
  readonly #lanes = new Map<string, string>();
  /** The lane that was given last. */
  readonly #last = new Map<string, string>();
  #takenMs = 0;

  /** Notes a lane that a claim or a scan has named. A scan chooses at random, so its lane counts even if it was the last one. */
  note({ origin, lane }: ProbeLane, { isRandom }: { readonly isRandom: boolean }): void {
    const last = this.#last.get(origin);
    const known = this.#lanes.get(origin);
    if (lane === last && (!isRandom || known !== undefined)) return;
    if (known === undefined ? this.#lanes.size < mostOrigins : known === last)
      this.#lanes.set(origin, lane);
  }

  /** Notes the lanes that a claim has seen. */
  noteSeen(discovered: readonly DiscoveredLane[]): void {
    for (const { access, lane, groups } of discovered) {
      if (access === 'probe') this.note({ lane, origin: groups.origin }, { isRandom: false });
    }
  }

  /** How many probes may be taken now, and lanes for those of origins, once. Undefined: it is too early. */
  takeWhenDue(
    room: number,
    nowMs: number,
  ): { readonly limit: number; readonly probeLanes: readonly ProbeLane[] } | undefined {
    if (nowMs - this.#takenMs < everyMs) return undefined;
    this.#takenMs = nowMs;
    const limit = Math.min(mostProbes, room);
    return { limit, probeLanes: this.#take(limit) };
  }

  #take(atMost: number): ProbeLane[] {
    const taken = [...this.#lanes].slice(0, atMost).map(([origin, lane]) => ({ origin, lane }));
    for (const { origin, lane } of taken) {
      this.#lanes.delete(origin);
      this.#last.delete(origin);
      this.#last.set(origin, lane);
    }
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= mostOrigins) break;
      this.#last.delete(oldest);
    }
    return taken;
  }
}
