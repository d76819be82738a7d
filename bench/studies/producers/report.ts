// Pure: no I/O, no clock, no randomness.

import { type Figure, figure, type Section } from '../../report.ts';
import { noiseOf } from '../../window.ts';
import type { InsertRun } from './insert-run.ts';
import { type SubjectName, subjects } from './tables.ts';

/** The rounds of one load. */
export interface Cell {
  readonly title: string;
  readonly rounds: Round[];
}

export type Round = Readonly<Partial<Record<SubjectName, InsertRun>>>;

/** The lines of one load: a table beside the other, one measure after the other. */
export function producerSection({ title, rounds }: Cell): Section {
  const names = Object.keys(subjects).filter(
    (name): name is SubjectName => rounds[0] !== undefined && name in rounds[0],
  );
  const each = (
    measure: string,
    line: {
      unit: string;
      digits?: number;
      names?: readonly SubjectName[];
      of: (run: InsertRun) => number | undefined;
    },
  ): Figure[] =>
    (line.names ?? names).map((name) => {
      const of = (round: Round) => {
        const run = round[name];
        return run === undefined ? undefined : line.of(run);
      };
      return figure(`${measure}, ${subjects[name].name}`, { ...line, runs: rounds, of });
    });
  const timeTo = (name: SubjectName, than: SubjectName) =>
    figure(`time, ${subjects[name].name} to ${subjects[than].name}`, {
      unit: 'x',
      digits: 2,
      runs: rounds,
      of: (round) => timeOf(round[name]) / timeOf(round[than]),
    });
  const rateOf = (name: SubjectName, than: SubjectName) =>
    figure(`rate, ${subjects[name].name} of ${subjects[than].name}`, {
      unit: '%',
      digits: 1,
      runs: rounds,
      of: (round) => (100 * timeOf(round[than])) / timeOf(round[name]),
    });
  // Beside a worker they are the delivery's too.
  const alone = names.filter((name) => name !== 'worked');
  const isListened = names.includes('heard');
  return {
    title,
    figures: [
      timeTo('posthorn', 'bare'),
      ...(isListened ? [timeTo('heard', 'bare')] : []),
      timeTo('posthorn', 'plain'),
      rateOf('posthorn', 'bare'),
      ...(isListened ? [rateOf('heard', 'bare')] : []),
      ...each('rows', { unit: '/s', of: ({ rows, durationMs }) => (rows / durationMs) * 1_000 }),
      ...each('p50', { unit: 'ms', digits: 2, of: ({ p50Ms }) => p50Ms }),
      ...each('p99', { unit: 'ms', digits: 2, of: ({ p99Ms }) => p99Ms }),
      ...each('CPU Postgres', {
        unit: 'µs',
        names: alone,
        of: ({ window, rows }) => ((window.postgresCpuMs ?? Number.NaN) * 1_000) / rows,
      }),
      ...each('WAL', { unit: 'B', names: alone, of: ({ walBytes, rows }) => walBytes / rows }),
      ...each('commits per flush', {
        unit: '',
        digits: 1,
        of: ({ commitsPerFlush }) => commitsPerFlush,
      }),
      ...each('noise', { unit: '%', digits: 1, of: ({ window }) => 100 * noiseOf(window) }),
    ].filter(({ spread }) => spread !== undefined),
  };
}

/** Of a row, as a producer who waits for its commit sees it. */
function timeOf(run: InsertRun | undefined): number {
  return run === undefined ? Number.NaN : run.durationMs / run.rows;
}
