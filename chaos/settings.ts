// Pure: no I/O, no clock, no randomness.

import type { Random } from '../harness/random.ts';
import { type ChangingName, type EndpointName, endpoints, type Settings } from './traffic.ts';

/* The settings of an endpoint over time: what an operator changes next, and what was in force when. */

export function urlOf(
  receiverUrl: string,
  { name, version }: { name: EndpointName; version: number },
): string {
  return `${receiverUrl}/${name}${version === 0 ? '' : `?v=${version}`}`;
}

/** Another setting of an endpoint. One that is paused goes on mostly. */
export function nextSettings(
  name: ChangingName,
  { now, random }: { now: Settings; random: Random },
): Settings {
  const dice = random.next();
  if (now.isPaused && dice < 0.7) return { ...now, isPaused: false };
  if (dice < 0.2) return { ...now, isPaused: !now.isPaused };
  if (dice < 0.35) return { ...now, version: now.version + 1 };
  const setters: Record<ChangingName, () => Settings> = {
    narrow: () => ({ ...now, maxInFlight: other(now.maxInFlight, [1, 2, 2, 6, null], random) }),
    paced: () => ({ ...now, ratePerS: other(now.ratePerS, [4, 10, 20, 40, null], random) }),
    queued: () => ({ ...now, isOrdered: !now.isOrdered }),
    mixed: () =>
      random.pick([
        { ...now, isOrdered: !now.isOrdered },
        { ...now, maxInFlight: other(now.maxInFlight, [1, 3, null], random) },
        { ...now, ratePerS: other(now.ratePerS, [10, 30, null], random) },
      ]),
  };
  return setters[name]();
}

function other(
  now: number | null,
  values: readonly (number | null)[],
  random: Random,
): number | null {
  return random.pick(values.filter((value) => value !== now));
}

/** A change as the operator logged it: until `fromMs` the former settings, from `toMs` on those after. */
export interface Change {
  readonly fromMs: number;
  readonly toMs: number;
  readonly tried: Settings;
  readonly after: Settings;
}

/** From and to, ms. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Segment extends Span {
  /** All that may have been in force. */
  readonly possible: readonly Settings[];
}

/** What was in force of an endpoint, and when. */
export class SettingsHistory {
  readonly #segments: Segment[] = [];

  constructor(name: EndpointName, changes: readonly Change[]) {
    let settings: Settings = endpoints[name];
    let sinceMs = Number.NEGATIVE_INFINITY;
    for (const { fromMs, toMs, tried, after } of changes) {
      this.#segments.push(
        { fromMs: sinceMs, toMs: fromMs, possible: [settings] },
        { fromMs, toMs, possible: [settings, tried, after] },
      );
      settings = after;
      sinceMs = toMs;
    }
    this.#segments.push({
      fromMs: sinceMs,
      toMs: Number.POSITIVE_INFINITY,
      possible: [settings],
    });
  }

  /** Whatever may have been in force at some time in the span. */
  possibleIn({ fromMs, toMs }: Span): Settings[] {
    return this.#segments
      .filter((segment) => segment.fromMs <= toMs && segment.toMs >= fromMs)
      .flatMap(({ possible }) => possible);
  }

  /** The longest spans in which the settings were certainly so, throughout. */
  spansWhere(isSo: (settings: Settings) => boolean): Span[] {
    const spans: { fromMs: number; toMs: number }[] = [];
    let isOn = false;
    for (const { fromMs, toMs, possible } of this.#segments) {
      const isStill = possible.every(isSo);
      const last = spans.at(-1);
      if (isStill && isOn && last !== undefined) last.toMs = toMs;
      else if (isStill) spans.push({ fromMs, toMs });
      isOn = isStill;
    }
    return spans;
  }

  /** Each value that the settings had, once. */
  valuesOf(value: (settings: Settings) => number): number[] {
    return [...new Set(this.#segments.flatMap(({ possible }) => possible.map(value)))];
  }
}

/** The most requests at once that the settings allow. */
export function mostAtOnce({ isPaused, isOrdered, maxInFlight }: Settings): number {
  if (isPaused) return 0;
  return isOrdered ? 1 : (maxInFlight ?? Number.POSITIVE_INFINITY);
}

export function ratePerSOf({ ratePerS }: Settings): number {
  return ratePerS ?? Number.POSITIVE_INFINITY;
}
