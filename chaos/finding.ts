import type pg from 'pg';
import type { Books } from './books.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** What was done to a run. */
export type Notes = Pick<
  Stage,
  'violations' | 'figures' | 'faults' | 'deaths' | 'rescues' | 'backMs'
>;

/** What the checks look at, when all is quiet. */
export interface Subject {
  readonly client: pg.Client;
  readonly books: Books;
  readonly stage: Notes;
  readonly scenario: Pick<Scenario, 'name' | 'noExtras' | 'mostExtrasPercent'>;
  /** Seconds before each retry, as the workers have it. */
  readonly retryS: readonly number[];
  readonly mostLimited: number;
}

/** What a check adds to: figures, and rules that do not hold. */
export interface Finding {
  readonly subject: Subject;
  readonly figures: Record<string, number | string>;
  expectNone(rule: string, found: readonly unknown[]): void;
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
