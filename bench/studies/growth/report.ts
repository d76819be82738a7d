// Pure: no I/O, no clock, no randomness.

import { type Figure, figure, type Section } from '../../report.ts';
import { noiseOf } from '../../window.ts';
import { measures } from './measures.ts';
import type { StateRun } from './state-run.ts';

/** An empty database, and a grown one directly after it. */
export interface Pair {
  readonly empty: StateRun;
  readonly grown: StateRun;
}

/** All rounds of a state. */
export interface State {
  readonly title: string;
  readonly size: number;
  readonly pairs: readonly Pair[];
  readonly facts: readonly Figure[];
}

/** First what growth costs, as a ratio of the same round, then the values of both, and what else was seen. */
export function stateSections(state: State, webhooks: number): Section[] {
  const { title, pairs, facts } = state;
  const values = measures.flatMap(({ name, unit, digits, of }) => {
    const line = (which: keyof Pair) =>
      figure(`${name}, ${which}`, {
        unit,
        digits,
        runs: pairs,
        of: (pair) => of(pair[which], webhooks),
      });
    return [line('empty'), line('grown')];
  });
  return [
    { title: `${title}: times the empty database's`, figures: ratiosOf(state, webhooks) },
    { title: `${title}: values`, figures: [...values, ...noiseOfBoth(pairs), ...facts] },
  ];
}

/** A line for each measure. */
export function ratiosOf({ pairs }: Pick<State, 'pairs'>, webhooks: number): Figure[] {
  return measures.map(({ name, of }) =>
    figure(name, {
      unit: 'x',
      digits: 2,
      runs: pairs,
      of: ({ grown, empty }) =>
        (of(grown, webhooks) ?? Number.NaN) / (of(empty, webhooks) ?? Number.NaN),
    }),
  );
}

function noiseOfBoth(pairs: readonly Pair[]): Figure[] {
  const most = ({ drain, steady }: StateRun) =>
    100 * Math.max(...[drain, ...steady].map(({ window }) => noiseOf(window)));
  return [
    figure('noise, empty', { unit: '%', digits: 1, runs: pairs, of: ({ empty }) => most(empty) }),
    figure('noise, grown', { unit: '%', digits: 1, runs: pairs, of: ({ grown }) => most(grown) }),
  ];
}
