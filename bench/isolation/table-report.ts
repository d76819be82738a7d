// Pure: no I/O, no clock, no randomness.

import { type IsolationRow, isolationRows } from '../options.ts';
import { type Figure, figure, type Row, type Section, type Table } from '../report.ts';
import { type Spread, spreadOf } from '../statistics.ts';
import { noiseOf } from '../window.ts';
import type { LoadFigures, Side } from './beside.ts';
import type { Fairness } from './fairness.ts';
import { type LoadRow, loads } from './loads.ts';

/** The healthy tenants alone and beside a load, one after the other. */
export interface Pair {
  readonly alone: Side;
  readonly beside: Side;
}

/** What was measured of the rows that were chosen, a value for each round. */
export interface TableRuns {
  readonly pairs: Readonly<Partial<Record<LoadRow, readonly Pair[]>>>;
  readonly shares: readonly Fairness[];
}

export function tableSections({ pairs, shares }: TableRuns, rate: number): (Section | Table)[] {
  const measured = isolationRows.flatMap((name): [LoadRow, readonly Pair[]][] =>
    name === 'shares' || pairs[name] === undefined ? [] : [[name, pairs[name]]],
  );
  return [
    {
      title: 'healthy tenants beside the load of others (medians)',
      columns: [
        'p99 alone, ms',
        'p99 beside, ms',
        'ratio (≤ 1.5)',
        'latest, ms',
        'arrived, %',
        'worker, MB',
      ],
      rows: measured.map(([name, runs]) => tableRow(name, runs)),
    },
    ...measured.map(([name, runs]) => ({
      title: titleOf(name),
      figures: pairFigures(name, { runs, rate }),
    })),
    ...(shares.length === 0 ? [] : [{ title: titleOf('shares'), figures: shareFigures(shares) }]),
  ];
}

export function titleOf(name: IsolationRow): string {
  return `${name}: ${name === 'shares' ? '1,000 tenants with work, by Zipf' : loads[name].title}`;
}

function tableRow(name: LoadRow, runs: readonly Pair[]): Row {
  const cell = (of: (pair: Pair) => number | undefined, digits: number) =>
    medianOf(spreadOf(runs.map(of)), digits);
  return {
    name: titleOf(name),
    unit: '',
    digits: 0,
    cells: [
      cell(({ alone }) => alone.steady.p99Ms, 1),
      cell(({ beside }) => beside.steady.p99Ms, 1),
      cell(ratioOf, 2),
      cell(({ beside }) => beside.steady.maxMs, 0),
      cell(({ beside }) => arrivedPercent(beside), 1),
      cell(({ beside }) => megabytes(beside), 0),
    ],
  };
}

function medianOf(spread: Spread | undefined, digits: number): string {
  return spread === undefined
    ? 'unknown'
    : spread.median.toLocaleString('en', {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      });
}

function pairFigures(
  name: LoadRow,
  { runs, rate }: { runs: readonly Pair[]; rate: number },
): Figure[] {
  const line = (
    label: string,
    {
      unit,
      digits = 0,
      of,
    }: { unit: string; digits?: number; of: (pair: Pair) => number | undefined },
  ) => figure(label, { unit, digits, runs, of });
  const ofLoad = (of: (load: LoadFigures) => number | undefined) => (pair: Pair) =>
    pair.beside.load === undefined ? undefined : of(pair.beside.load);
  const percentOfCore = (label: string, of: (side: Side) => number | undefined) =>
    line(label, {
      unit: '%',
      of: ({ beside }) => (100 * (of(beside) ?? Number.NaN)) / beside.steady.window.durationMs,
    });
  return [
    line('p99, beside to alone', { unit: 'x', digits: 2, of: ratioOf }),
    line('p50, beside to alone', {
      unit: 'x',
      digits: 2,
      of: ({ alone, beside }) => beside.steady.p50Ms / alone.steady.p50Ms,
    }),
    line('latest, alone', { unit: 'ms', of: ({ alone }) => alone.steady.maxMs }),
    line('latest, beside', { unit: 'ms', of: ({ beside }) => beside.steady.maxMs }),
    line('requests for the load meanwhile', { unit: '', of: ofLoad((load) => load.requests) }),
    line('most connections for it', { unit: '', of: ofLoad((load) => load.mostOpen) }),
    ...(loads[name].isOld === true
      ? [
          line('its drain alone', { unit: '/s', of: ofLoad(({ alonePerS }) => alonePerS) }),
          line('its drain beside', { unit: '/s', of: ofLoad(({ besidePerS }) => besidePerS) }),
          line('of the remaining capacity (≥ 80)', {
            unit: '%',
            digits: 1,
            of: ofLoad((load) => sharePercent(load, rate)),
          }),
        ]
      : []),
    line('memory of the worker, peak', { unit: 'MB', of: ({ beside }) => megabytes(beside) }),
    percentOfCore('CPU of a core, worker', ({ steady }) => steady.window.senderCpuMs),
    percentOfCore('CPU of a core, Postgres', ({ steady }) => steady.window.postgresCpuMs),
    line('noise, alone', {
      unit: '%',
      digits: 1,
      of: ({ alone }) => 100 * noiseOf(alone.steady.window),
    }),
    line('noise, beside', {
      unit: '%',
      digits: 1,
      of: ({ beside }) => 100 * noiseOf(beside.steady.window),
    }),
  ];
}

function shareFigures(runs: readonly Fairness[]): Figure[] {
  const line = (
    label: string,
    {
      unit,
      digits = 0,
      of,
    }: { unit: string; digits?: number; of: (run: Fairness) => number | undefined },
  ) => figure(label, { unit, digits, runs, of });
  return [
    line("Jain's index (≥ 0.95)", { unit: '', digits: 3, of: ({ index }) => index }),
    line('all had a backlog for', { unit: 's', digits: 1, of: ({ windowMs }) => windowMs / 1_000 }),
    line('webhooks of a tenant in it, least', { unit: '', of: ({ perTenant }) => perTenant?.min }),
    line('webhooks of a tenant in it, median', {
      unit: '',
      of: ({ perTenant }) => perTenant?.median,
    }),
    line('webhooks of a tenant in it, most', { unit: '', of: ({ perTenant }) => perTenant?.max }),
  ];
}

/** The same in a few words, for the progress. */
export function pairLine({ alone, beside }: Pair): string {
  const words = ({ steady, ...side }: Side) =>
    `p50 ${steady.p50Ms.toFixed(1)} p99 ${steady.p99Ms.toFixed(1)} latest ${steady.maxMs.toFixed(0)} ms, ` +
    `arrived ${arrivedPercent({ steady }).toFixed(1)} %, noise ${(100 * noiseOf(steady.window)).toFixed(0)} %` +
    (side.load === undefined ? '' : `, ${side.load.requests} requests for the load`);
  return `alone ${words(alone)}; beside ${words(beside)}; p99 ${ratioOf({ alone, beside }).toFixed(2)} x`;
}

export function fairnessLine({ index, windowMs, perTenant }: Fairness): string {
  return (
    `Jain's index ${index.toFixed(3)} in ${(windowMs / 1_000).toFixed(1)} s, ` +
    `${perTenant?.min} to ${perTenant?.max} webhooks of a tenant`
  );
}

function ratioOf({ alone, beside }: Pair): number {
  return beside.steady.p99Ms / alone.steady.p99Ms;
}

function arrivedPercent({ steady }: Pick<Side, 'steady'>): number {
  return (100 * steady.delivered) / steady.webhooks;
}

function megabytes({ peakBytes }: Side): number | undefined {
  return peakBytes === undefined ? undefined : peakBytes / 1_048_576;
}

/** What a tenant gets of what its drain alone leaves after the healthy traffic. */
export function sharePercent({ alonePerS, besidePerS }: LoadFigures, rate: number): number {
  return (100 * besidePerS) / ((alonePerS ?? Number.NaN) - rate);
}
