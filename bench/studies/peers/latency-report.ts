// Pure: no I/O, no clock, no randomness.

import { type Figure, figure, type Row, type Section, type Table } from '../../report.ts';
import { type Spread, spreadOf } from '../../statistics.ts';
import type { Steady } from '../../steady.ts';
import { noiseOf, type Window } from '../../window.ts';
import { columnsOf } from './cost-report.ts';
import type { RateSeries } from './peer-latency.ts';
import { type PeerName, peers } from './peers.ts';

/** One round: Posthorn's rates, and each peer's. */
export interface LatencyRound {
  readonly product: readonly Steady[];
  readonly peers: Readonly<Partial<Record<PeerName, RateSeries>>>;
}

interface Comparison {
  readonly rounds: readonly LatencyRound[];
  readonly names: readonly PeerName[];
  readonly rate: number;
}

/** Posthorn and its peers beside each other at one rate, and by how much they differ. */
export function rateSections(comparison: Comparison): (Section | Table)[] {
  return comparison.names.length === 0 ? [] : [rateTable(comparison), ratioSection(comparison)];
}

function rateTable({ rounds, names, rate }: Comparison): Table {
  const columns = [
    rounds.map(({ product }) => atRate(product, rate)),
    ...names.map((name) => rounds.map((round) => atRate(round.peers[name]?.runs, rate))),
  ];
  const row = (
    name: string,
    { unit, digits = 0, cell }: { unit: string; digits?: number; cell: Cell },
  ): Row => ({ name, unit, digits, cells: columns.map(cell) });
  const ms = (name: string, of: (run: Steady) => number) =>
    row(name, { unit: 'ms', digits: 1, cell: ifHeld(of) });
  const us = (name: string, of: (window: Window) => number | undefined) =>
    row(name, { unit: 'µs', cell: ifComplete((run) => each(run, of)) });
  return {
    title: `Beside its peers: ${rate.toLocaleString('en')} a second`,
    columns: columnsOf(names),
    rows: [
      ms('commit to arrival, p50', ({ p50Ms }) => p50Ms),
      ms('commit to arrival, p99', ({ p99Ms }) => p99Ms),
      ms('commit to arrival, max', ({ maxMs }) => maxMs),
      ms('insert to arrival, p50', ({ fromInsertP50Ms }) => fromInsertP50Ms),
      ms('insert to arrival, p99', ({ fromInsertP99Ms }) => fromInsertP99Ms),
      us('CPU of Node, workers', ({ senderCpuMs }) => senderCpuMs),
      us('CPU of Postgres, inserts included', ({ postgresCpuMs }) => postgresCpuMs),
      us('CPU of Redis', ({ redisCpuMs }) => redisCpuMs),
      row('not arrived when the last was due', {
        unit: '',
        cell: always(({ behind }) => behind),
      }),
      row('last arrival after that', { unit: 'ms', cell: always(({ lateMs }) => lateMs) }),
      row('noise', { unit: '%', digits: 1, cell: always(({ window }) => 100 * noiseOf(window)) }),
    ],
  };
}

type Cell = (runs: readonly (Steady | undefined)[]) => Spread | string | undefined;

/** A figure of rounds that held the rate; in words, how many did, when not all. */
function ifHeld(of: (run: Steady) => number): Cell {
  return (runs) => {
    const held = runs.filter(isHeld);
    if (held.length === runs.length) return spreadOf(held.map(of));
    return held.length === 0 ? 'not held' : `${held.length} of ${runs.length} held`;
  };
}

/** A figure of rounds in which all webhooks arrived, be it late. */
function ifComplete(of: (run: Steady) => number | undefined): Cell {
  return (runs) => {
    const complete = runs.filter(isComplete);
    return complete.length === 0 ? 'not held' : spreadOf(complete.map(of));
  };
}

function isHeld(run: Steady | undefined): run is Steady {
  return run?.isHeld === true;
}

function isComplete(run: Steady | undefined): run is Steady {
  return run !== undefined && run.delivered === run.webhooks;
}

/** A figure of all rounds that tried the rate. */
function always(of: (run: Steady) => number): Cell {
  return (runs) => {
    const tried = runs.flatMap((run) => run ?? []);
    if (tried.length === 0) return 'not tried';
    const spread = spreadOf(tried.map(of));
    return spread?.median === Number.POSITIVE_INFINITY ? 'never' : spread;
  };
}

function ratioSection({ rounds, names, rate }: Comparison): Section {
  const lines = (
    text: (label: string) => string,
    {
      unit,
      of,
      suits,
    }: {
      unit: 'x' | '%';
      of: (run: Steady) => number | undefined;
      suits: (run: Steady | undefined) => run is Steady;
    },
  ): Figure[] =>
    names.map((name) =>
      figure(text(peers[name].label), {
        unit,
        digits: unit === 'x' ? 2 : 1,
        runs: rounds,
        of: (round) => {
          const mine = atRate(round.product, rate);
          const theirs = atRate(round.peers[name]?.runs, rate);
          // A peer that falls behind gets cheaper, as its batches grow: in its favour.
          if (!isHeld(mine) || !suits(theirs)) return undefined;
          const share = Number(of(mine)) / Number(of(theirs));
          return unit === 'x' ? share : 100 * share;
        },
      }),
    );
  return {
    title: `Beside its peers: ratios in the same round, ${rate.toLocaleString('en')} a second`,
    figures: [
      ...lines((label) => `p50, Posthorn to ${label}`, {
        unit: 'x',
        suits: isHeld,
        of: ({ p50Ms }) => p50Ms,
      }),
      ...lines((label) => `p99, Posthorn to ${label}`, {
        unit: 'x',
        suits: isHeld,
        of: ({ p99Ms }) => p99Ms,
      }),
      ...lines((label) => `CPU of Postgres, Posthorn of ${label}`, {
        unit: '%',
        suits: isComplete,
        of: (run) => each(run, ({ postgresCpuMs }) => postgresCpuMs),
      }),
    ],
  };
}

function atRate(runs: readonly Steady[] | undefined, rate: number): Steady | undefined {
  return runs?.find(({ perSecond }) => perSecond === rate);
}

/** µs a webhook. */
function each({ window, webhooks }: Steady, of: (window: Window) => number | undefined) {
  const ms = of(window);
  return ms === undefined ? undefined : (ms * 1_000) / webhooks;
}
