// Pure: no I/O, no clock, no randomness.

import { createHash } from 'node:crypto';

/** What producers send and the receiver expects. Registered endpoints have the limits that the checker asserts. */
export const endpoints = {
  ordered: { ordered: true },
  limited: { max_in_flight: 4 },
  rated: { rate_limit_per_s: 20 },
} as const;

export type EndpointName = keyof typeof endpoints;

/** How the receiver answers. */
export interface Mood {
  /** Shares of all requests. */
  readonly failed: number;
  readonly reset: number;
  /** Ms until the answer, from and to. */
  readonly delayMs: readonly [number, number];
}

/** Webhooks a second that each registered endpoint gets: half of what it can take, so that it catches up after an outage. */
export function endpointsPerS({ failed, reset, delayMs }: Mood): Record<EndpointName, number> {
  const requestS = ((delayMs[0] + delayMs[1]) / 2 + 10) / 1_000;
  // The next of an ordered endpoint waits for the retry.
  const retryS = (failed + reset) * 1.1;
  return {
    ordered: 0.5 / (requestS + retryS),
    limited: Math.min(20, (0.5 * endpoints.limited.max_in_flight) / requestS),
    rated: 0.5 * endpoints.rated.rate_limit_per_s,
  };
}

/** Plain URLs, each a lane. */
export const plainLanes = 20;

export const secret = `whsec_${Buffer.alloc(32, 'chaos').toString('base64')}`;

/** The first 8 bytes of SHA-256, hex: enough to tell bodies apart. */
export function hashOf(body: string | Buffer): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}

/** A receiver's answer to one request. */
export type Answer = 'accepted' | 'failed' | 'reset';

/** A line of the receiver's log. */
export interface Arrival {
  readonly atMs: number;
  readonly id: string;
  readonly attempt: number;
  readonly answer: Answer;
  /** Signed as Standard Webhooks says, and at most 5 min old. */
  readonly isSigned: boolean;
  readonly hash: string;
  readonly path: string;
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
