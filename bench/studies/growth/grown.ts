import type { RoundDatabase } from '../../../harness/postgres.ts';
import type { Bench } from '../../bench.ts';
import type { Figure } from '../../report.ts';

/** A database that has grown in some way. */
export interface Grown {
  /** What it holds, for a heading. */
  readonly title: string;
  /** How much there is of what has grown. */
  readonly size: number;
  /** That the webhooks of the figures go to. */
  readonly endpoints: number;
  /** For a round. */
  open(): Promise<OpenDatabase>;
  /** What else was seen, when all rounds are over. */
  facts(): Figure[];
}

export interface OpenDatabase extends AsyncDisposable {
  readonly database: RoundDatabase;
}

/** Makes one grown database after the other, or lets one grow further; each is there until the next is asked for. */
export type Growing = (bench: Bench) => AsyncGenerator<Grown, void, void>;

/** One that is made once and measured in all rounds. */
export function kept(database: RoundDatabase): () => Promise<OpenDatabase> {
  return async () => ({ database, [Symbol.asyncDispose]: async () => {} });
}
