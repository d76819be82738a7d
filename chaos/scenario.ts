import type { Crowd } from './crowd.ts';
import type { Stage } from './stage.ts';
import type { Mood, OperatorAct } from './traffic.ts';

/** A run: which load, which faults, what is promised. */
export interface Scenario {
  readonly name: string;
  /** What is done to it, for the table. */
  readonly fault: string;
  /** The promise, for the table. */
  readonly target: string;
  /** Committed at least. */
  readonly webhooks: number;
  readonly perSecond: number;
  readonly workers: number;
  readonly mood: Mood;
  /** Traffic of many tenants in place of that to plain URLs. */
  readonly crowd?: Crowd;
  /** How often the fault comes. */
  readonly repeats: number;
  /** Redis before the workers. */
  readonly redis?: boolean;
  /** Postgres on a disk of that size. */
  readonly diskMb?: number;
  /** Each worker's clock is wrong by so many ms. */
  readonly clocksMs?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
  /** No webhook may come twice. */
  readonly noExtras?: boolean;
  /** Of all webhooks, sent twice. */
  readonly mostExtrasPercent?: number;
  /** Ms between two acts of the operator, from and to, in place of the usual. */
  readonly operatorEveryMs?: readonly [number, number];
  /** What the operator leaves alone. */
  readonly without?: readonly OperatorAct[];
  /** Deliveries may not stop for longer than this. */
  readonly longestGapS?: number;
  /** After the load all must be quiet within this, in place of the usual. */
  readonly quietWithinS?: number;
  /** So many of the workers are neither killed, stopped nor restarted: their memory is watched. */
  readonly sheltered?: number;
  /** Does it all, `stage.repeats` times. Leaves nothing broken. */
  inject(stage: Stage): Promise<void>;
}
