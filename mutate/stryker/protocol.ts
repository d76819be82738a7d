import type { Mutant, Status } from '../mutant.ts';

/* What `npm run mutate` and its children that use Stryker tell each other. */

/** Without what is the same in every mutant of the file. */
export type FoundMutant = Omit<Mutant, 'source' | 'definition'>;

export interface Order {
  readonly files: readonly string[];
  readonly tests: readonly string[];
  readonly isPure: boolean;
}

export type Told =
  | { readonly kind: 'found'; readonly mutants: readonly FoundMutant[] }
  | { readonly kind: 'ready'; readonly ms: number }
  | {
      readonly kind: 'tested';
      readonly name: string;
      readonly status: Status;
      readonly detail: string;
    };

/** Where Stryker finds the names of what was chosen. */
export const chosenVariable = 'POSTHORN_MUTATE_CHOSEN';

/** Tells the mutants of a run apart; lines and columns from 0, as Stryker has them. */
export function nameOf(mutant: {
  readonly fileName: string;
  readonly location: {
    readonly start: { readonly line: number; readonly column: number };
    readonly end: { readonly line: number; readonly column: number };
  };
  readonly replacement?: string;
}): string {
  const { start, end } = mutant.location;
  return `${mutant.fileName}:${start.line}:${start.column}-${end.line}:${end.column} ${mutant.replacement ?? ''}`;
}
