// Pure: no I/O, no clock, no randomness.

import type { PostgresCounts, TableCounts } from '../../counters.ts';
import type { ExactCounts } from '../../exact-counts.ts';
import type { ProductRun } from '../../product-run.ts';
import { figure, type Row, type Section, type Table } from '../../report.ts';
import { spreadOf } from '../../statistics.ts';
import { noiseOf } from '../../window.ts';
import type { CountedRound, PeerRuns } from './peer-rounds.ts';
import type { PeerRun } from './peer-run.ts';
import { type PeerName, peers, type RowsBy } from './peers.ts';

/** A round as far as this page is concerned. */
export interface ComparedRound {
  readonly product: ProductRun;
  readonly peers: PeerRuns;
}

interface Comparison {
  readonly rounds: readonly ComparedRound[];
  readonly counted: CountedRound | undefined;
  readonly names: readonly PeerName[];
  /** What the command line says about the peers' rows. */
  readonly rows: RowsBy | undefined;
}

type Run = ProductRun & Partial<PeerRun>;

/** Posthorn and its peers beside each other, and by how much they differ. */
export function peerSections(comparison: Comparison): (Section | Table)[] {
  const { names } = comparison;
  if (names.length === 0) return [];
  return [costTable(comparison), ratioSection(comparison)];
}

export function columnsOf(names: readonly PeerName[]): string[] {
  return ['Posthorn', ...names.map((name) => peers[name].label)];
}

/** Node, Postgres and Redis together, µs a webhook. */
export function cpuUsOf({ window, webhooks }: ProductRun): number | undefined {
  const { senderCpuMs, postgresCpuMs, redisCpuMs } = window;
  if (senderCpuMs === undefined || postgresCpuMs === undefined) return undefined;
  return ((senderCpuMs + postgresCpuMs + (redisCpuMs ?? 0)) * 1_000) / webhooks;
}

function costTable({ rounds, counted, names, rows }: Comparison): Table {
  const columns: readonly (readonly Run[])[] = [
    rounds.map(({ product }) => product),
    ...names.map((name) => rounds.flatMap((round) => round.peers[name] ?? [])),
  ];
  const exact = [counted?.product, ...names.map((name) => counted?.peers[name])];
  const row = (
    name: string,
    {
      unit,
      digits = 0,
      of,
    }: { unit: string; digits?: number; of: (run: Run) => number | undefined },
  ): Row => ({ name, unit, digits, cells: columns.map((runs) => spreadOf(runs.map(of))) });
  const each = (
    name: string,
    {
      unit,
      digits = 0,
      of,
    }: { unit: string; digits?: number; of: (run: Run) => number | undefined },
  ): Row => row(name, { unit, digits, of: (run) => per(of(run), run.webhooks) });
  const us = (name: string, of: (run: Run) => number | undefined): Row =>
    each(name, { unit: 'µs', of: (run) => per(of(run), 0.001) });
  const once = (
    name: string,
    {
      digits,
      of,
    }: { digits: number; of: (exact: NonNullable<Run['exact']>) => number | undefined },
  ): Row => ({
    name,
    unit: '',
    digits,
    cells: exact.map((run) =>
      run?.exact === undefined ? undefined : spreadOf([per(of(run.exact), run.webhooks)]),
    ),
  });
  const versions = (kind: keyof TableCounts) => (run: Run) =>
    sumOf(run.insert, kind) + sumOf(run.delivery, kind);
  const megabytes = (bytes: number | undefined) => per(bytes, 1e6);
  return {
    title: 'Beside its peers: the drain, and what a webhook costs',
    columns: columnsOf(names),
    rows: [
      {
        name: 'rows are written',
        unit: '',
        digits: 0,
        cells: ['in batches', ...names.map((name) => rowWords[rows ?? peers[name].rows])],
      },
      row('webhooks in a round', { unit: '', of: ({ webhooks }) => webhooks }),
      row('drain', { unit: '/s', of: ({ perSecond }) => perSecond }),
      row('insert and enqueue in bulk', {
        unit: '/s',
        of: ({ webhooks, insertMs }) => (webhooks / insertMs) * 1_000,
      }),
      us('CPU of Node', ({ window }) => window.senderCpuMs),
      us('CPU of Postgres', ({ window }) => window.postgresCpuMs),
      us('CPU of Redis', ({ window }) => window.redisCpuMs),
      row('CPU of these together', { unit: 'µs', of: cpuUsOf }),
      once('SQL statements of the delivery', {
        digits: 3,
        of: ({ delivery }) => delivery.statements,
      }),
      each('transactions of the delivery', {
        unit: '',
        digits: 3,
        of: ({ delivery }) => delivery.transactions,
      }),
      each('WAL of the insert', { unit: 'B', of: ({ insert }) => insert.walBytes }),
      each('WAL of the delivery', { unit: 'B', of: ({ delivery }) => delivery.walBytes }),
      each('row versions inserted', { unit: '', digits: 2, of: versions('inserts') }),
      each('row versions updated', { unit: '', digits: 2, of: versions('updates') }),
      each('  of them HOT', { unit: '', digits: 2, of: versions('hotUpdates') }),
      each('row versions deleted', { unit: '', digits: 2, of: versions('deletes') }),
      once('index writes of the insert', { digits: 2, of: ({ insert }) => recordsOf(insert) }),
      once('index writes of the delivery', {
        digits: 2,
        of: ({ delivery }) => recordsOf(delivery),
      }),
      each('growth on disk', { unit: 'B', of: ({ grownBytes }) => grownBytes }),
      row('memory of the workers, peak', {
        unit: 'MB',
        of: ({ workerMemory }) => megabytes(workerMemory),
      }),
      row('memory of Redis, peak', {
        unit: 'MB',
        of: ({ redisMemory = 0 }) => megabytes(redisMemory),
      }),
      row('noise', { unit: '%', digits: 1, of: ({ window }) => 100 * noiseOf(window) }),
    ],
  };
}

const rowWords: Readonly<Record<RowsBy, string>> = {
  steps: 'step by step',
  one: 'one by one',
  batch: 'in batches',
};

function ratioSection({ rounds, names }: Comparison): Section {
  const lines = (
    text: (label: string) => string,
    ratio: (product: ProductRun, peer: PeerRun) => number | undefined,
  ) =>
    names.map((name) =>
      figure(text(peers[name].label), {
        unit: 'x',
        digits: 2,
        runs: rounds,
        of: (round) => {
          const peer = round.peers[name];
          return peer === undefined ? undefined : ratio(round.product, peer);
        },
      }),
    );
  return {
    title: 'Beside its peers: ratios in the same round',
    figures: [
      ...lines(
        (label) => `drain, Posthorn to ${label}`,
        (product, peer) => product.perSecond / peer.perSecond,
      ),
      ...lines(
        (label) => `CPU per webhook, ${label} to Posthorn`,
        (product, peer) => per(cpuUsOf(peer), cpuUsOf(product)),
      ),
    ],
  };
}

function per(sum: number | undefined, count: number | undefined): number | undefined {
  return sum === undefined || count === undefined ? undefined : sum / count;
}

function sumOf({ tables }: PostgresCounts, kind: keyof TableCounts): number {
  return Object.values(tables).reduce((sum, counts) => sum + counts[kind], 0);
}

function recordsOf({ indexRecords }: ExactCounts): number | undefined {
  if (indexRecords === undefined) return undefined;
  return Object.values(indexRecords).reduce((sum, count) => sum + count, 0);
}
