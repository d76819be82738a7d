import type pg from 'pg';
import type { Books } from './books.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** What was done to a run. */
export type Notes = Pick<
  Stage,
  'violations' | 'figures' | 'faults' | 'deaths' | 'rescues' | 'backMs' | 'loadMs' | 'lagMs'
>;

/** What the checks look at, when all is quiet. */
export interface Subject {
  readonly client: pg.Client;
  readonly books: Books;
  readonly stage: Notes;
  readonly scenario: Pick<
    Scenario,
    'name' | 'noExtras' | 'mostExtrasPercent' | 'longestGapS' | 'crowd'
  >;
  /** Seconds before each retry, as the workers have it. */
  readonly retryS: readonly number[];
}

/** What a check adds to: figures, and rules that do not hold. */
export interface Finding {
  readonly subject: Subject;
  readonly figures: Record<string, number | string>;
  expectNone(rule: string, found: readonly unknown[]): void;
}

/** Whether workers were cut off or frozen: then their requests go on beside those of whoever took over. */
export function hasZombies({ faults }: Pick<Notes, 'faults'>): boolean {
  return faults.some(({ what }) =>
    /SIGSTOP|to Postgres|pg_ctl|postmaster|terminated|exhausted|disk|receiver/.test(what),
  );
}

/**
 * So long after its commit a change may not be known to all workers, and what they had claimed before may be on its way. Longer on a
 * machine that lets processes wait for CPU.
 */
export function settleMs({ lagMs }: Pick<Notes, 'lagMs'>): number {
  return 1_500 + 5 * lagMs;
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
