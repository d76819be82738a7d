// Pure: no I/O, no clock, no randomness.

import { createHash } from 'node:crypto';

/** What an operator may change of a registered endpoint. */
export interface Settings {
  readonly isPaused: boolean;
  readonly isOrdered: boolean;
  /** Null: no limit. */
  readonly maxInFlight: number | null;
  /** Null: no limit. */
  readonly ratePerS: number | null;
  /** Is in the URL's query and in a header, and grows with each change of them. */
  readonly version: number;
}

export const plainSettings: Settings = {
  isPaused: false,
  isOrdered: false,
  maxInFlight: null,
  ratePerS: null,
  version: 0,
};

/** The settings that each registered endpoint begins with. The receiver serves it under its name. */
export const endpoints = {
  /** Nobody changes these three. */
  ordered: { ...plainSettings, isOrdered: true },
  limited: { ...plainSettings, maxInFlight: 4 },
  rated: { ...plainSettings, ratePerS: 20 },
  /** The operator changes these all the time: the limit, the rate, the order, everything. */
  narrow: { ...plainSettings, maxInFlight: 2 },
  paced: { ...plainSettings, ratePerS: 20 },
  queued: { ...plainSettings, isOrdered: true },
  mixed: plainSettings,
} as const satisfies Readonly<Record<string, Settings>>;

export type EndpointName = keyof typeof endpoints;

export const changing = ['narrow', 'paced', 'queued', 'mixed'] as const;

export type ChangingName = (typeof changing)[number];

export const endpointNames = Object.keys(endpoints) as EndpointName[];

/** The endpoint of a request's path, and the version of its URL; undefined for plain URLs. */
export function endpointOf(path: string): { name: EndpointName; version: number } | undefined {
  const [, text = '', query = ''] = /^\/([a-z]+)(?:\?v=(\d+))?$/.exec(path) ?? [];
  const name = endpointNames.find((one) => one === text);
  return name === undefined ? undefined : { name, version: Number(query) };
}

/** How the receiver answers. */
export interface Mood {
  /** Shares of all requests. */
  readonly failed: number;
  readonly reset: number;
  /** Ms until the answer, from and to. */
  readonly delayMs: readonly [number, number];
  /** Of the crowd, some hang and some get 500. */
  readonly hasTrouble?: boolean;
}

/** Webhooks a second that each registered endpoint gets: at most half of what it can take, so that it catches up after an outage. */
export function endpointsPerS({ failed, reset, delayMs }: Mood): Record<EndpointName, number> {
  const requestS = ((delayMs[0] + delayMs[1]) / 2 + 10) / 1_000;
  // The next of an ordered endpoint waits for the retry.
  const orderedPerS = 1 / (requestS + (failed + reset) * 1.1);
  return {
    ordered: 0.5 * orderedPerS,
    limited: Math.min(20, 2 / requestS),
    rated: 10,
    // These are paused for a part of the time, and their limits are at times much lower.
    narrow: Math.min(15, 0.6 / requestS),
    paced: 6,
    queued: 0.3 * orderedPerS,
    mixed: Math.min(4, 0.2 * orderedPerS),
  };
}

/** They come so many at a time, so that limits have something to hold back. */
export const burstOf: Readonly<Record<EndpointName, number>> = {
  ordered: 3,
  limited: 10,
  rated: 10,
  narrow: 20,
  paced: 12,
  queued: 4,
  mixed: 6,
};

/** Plain URLs, each a lane. */
export const plainLanes = 20;

export const secret = `whsec_${Buffer.alloc(32, 'chaos').toString('base64')}`;

/** A header that the operator sets. */
export const versionHeader = 'x-chaos-version';

/** The first 8 bytes of SHA-256, hex: enough to tell bodies apart. */
export function hashOf(body: string | Buffer): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}

/** A receiver's answer to one request. */
export type Answer = 'accepted' | 'failed' | 'reset';

/** A line of the receiver's log. */
export interface Arrival {
  /** When the request had come. Date.now(), as all times here. */
  readonly atMs: number;
  /** When it was answered, or when its sender hung up before. */
  readonly untilMs: number;
  /** Its sender did not wait for the answer. */
  readonly hungUp: boolean;
  readonly id: string;
  readonly attempt: number;
  readonly answer: Answer;
  /** Signed as Standard Webhooks says, and at most 5 min old. */
  readonly isSigned: boolean;
  readonly hash: string;
  readonly path: string;
  /** Of the endpoint's headers; 0 where there are none. */
  readonly version: number;
  /** Signature's time − receiver's, s. */
  readonly skewS: number;
}

/** A line of a producer's log; the transaction's number first. */
export type ProducerLine =
  | {
      readonly tx: string;
      readonly event: 'rows';
      readonly rows: readonly [id: string, hash: string][];
    }
  | { readonly tx: string; readonly event: 'ack' | 'abort' | 'unknown' };

/** What an operator does: changes settings, cancels and retries, sends bad notifications, spoils rows. */
export const operatorActs = ['settings', 'orders', 'notifications', 'poison'] as const;

export type OperatorAct = (typeof operatorActs)[number];

/** What an operator did, and when: not before `fromMs`, and not after `toMs`. */
export type OperatorLine =
  | {
      readonly event: 'change';
      readonly endpoint: EndpointName;
      readonly fromMs: number;
      readonly toMs: number;
      /** What may have been in force for a while, where the answer to the COMMIT was lost. */
      readonly tried: Settings;
      readonly after: Settings;
    }
  | {
      readonly event: 'cancel' | 'retry';
      readonly id: string;
      readonly endpoint: EndpointName | undefined;
      readonly fromMs: number;
      readonly toMs: number;
      /** Whether it did anything; null when the answer was lost. */
      readonly took: boolean | null;
    }
  | { readonly event: 'poison'; readonly id: string; readonly kind: string };
