// Pure: no I/O, no clock, no randomness.

import type { TableCounts } from './counters.ts';
import type { BenchOptions } from './options.ts';
import type { ProductRun } from './product-run.ts';
import { type Figure, figure, type Section } from './report.ts';
import type { PeerRuns } from './studies/peers/peer-rounds.ts';
import type { YardstickRun } from './yardstick-run.ts';

/** One round: the yardstick by both interfaces, the product, and its peers. */
export interface Round {
  readonly dispatch: YardstickRun;
  readonly request: YardstickRun;
  readonly product: ProductRun;
  readonly peers: PeerRuns;
}

/** Rounds with less noise than this, as a share of all cores, are also shown by themselves. */
const calmBelow = 0.1;

/** All figures of a drain. */
export function drainSections(rounds: readonly Round[], options: BenchOptions): Section[] {
  const calm = rounds.filter(isCalm);
  const calmTitle = `Rate in the ${calm.length} round(s) with less than 10 % noise`;
  return [
    rateSection('Rate', rounds),
    ...(calm.length > 0 && calm.length < rounds.length ? [rateSection(calmTitle, calm)] : []),
    cpuSection(rounds, options),
    postgresSection(rounds, options),
    tableSection(rounds, options),
    noiseSection(rounds),
  ];
}

function isCalm({ dispatch, request, product }: Round): boolean {
  return [dispatch, request, product.window].every(
    ({ foreign = 0, stolen = 0 }) => foreign + stolen < calmBelow,
  );
}

function rateSection(title: string, rounds: readonly Round[]): Section {
  const rate = (name: string, of: (round: Round) => number) =>
    figure(name, { unit: '/s', runs: rounds, of });
  const ratio = (name: string, of: (round: Round) => number) =>
    figure(name, { unit: '%', digits: 1, runs: rounds, of });
  return {
    title,
    figures: [
      rate('yardstick, undici dispatch', ({ dispatch }) => dispatch.perSecond),
      rate('yardstick, undici request', ({ request }) => request.perSecond),
      rate('Posthorn', ({ product }) => product.perSecond),
      ratio('Posthorn, of dispatch in the same round', ({ product, dispatch }) => {
        return (100 * product.perSecond) / dispatch.perSecond;
      }),
      ratio('Posthorn, of request in the same round', ({ product, request }) => {
        return (100 * product.perSecond) / request.perSecond;
      }),
    ],
  };
}

function cpuSection(rounds: readonly Round[], { webhooks }: BenchOptions): Section {
  const us = (name: string, of: (round: Round) => number | undefined) =>
    figure(name, { unit: 'µs', runs: rounds, of });
  const each = (ms: number | undefined) => (ms === undefined ? undefined : (ms * 1_000) / webhooks);
  return {
    title: 'CPU time per webhook',
    figures: [
      us('yardstick, undici dispatch', ({ dispatch }) => dispatch.senderCpuUs),
      us('yardstick, undici request', ({ request }) => request.senderCpuUs),
      us('Posthorn, workers', ({ product }) => each(product.window.senderCpuMs)),
      us('Posthorn, Postgres', ({ product }) => each(product.window.postgresCpuMs)),
      us('receiver', ({ product }) => each(product.window.receiverCpuMs)),
    ],
  };
}

function postgresSection(rounds: readonly Round[], { webhooks }: BenchOptions): Section {
  const bytes = (name: string, of: (run: ProductRun) => number) =>
    figure(name, { unit: 'B', runs: rounds, of: ({ product }) => of(product) / webhooks });
  return {
    title: 'Postgres',
    figures: [
      figure('inserts into the outbox', {
        unit: '/s',
        runs: rounds,
        of: ({ product }) => (webhooks / product.insertMs) * 1_000,
      }),
      bytes('WAL of the insert, per webhook', ({ insert }) => insert.walBytes),
      bytes('WAL of the delivery, per webhook', ({ delivery }) => delivery.walBytes),
      bytes('  of it full-page images, at most', ({ delivery }) => delivery.fullPageImages * 8_192),
      figure('transactions per 1,000 webhooks', {
        unit: '',
        digits: 1,
        runs: rounds,
        of: ({ product }) => (product.delivery.transactions / webhooks) * 1_000,
      }),
      bytes('on disk, per webhook', ({ bytesOnDisk }) => {
        return Object.values(bytesOnDisk).reduce((sum, one) => sum + one, 0);
      }),
      figure('memory of the workers, peak', {
        unit: 'MB',
        runs: rounds,
        of: ({ product }) =>
          product.workerMemory === undefined ? undefined : product.workerMemory / 1e6,
      }),
    ],
  };
}

function tableSection(rounds: readonly Round[], { webhooks }: BenchOptions): Section {
  const figures: Figure[] = [];
  const kinds: Readonly<Record<keyof TableCounts, string>> = {
    inserts: 'inserted',
    updates: 'updated',
    hotUpdates: 'updated HOT',
    deletes: 'deleted',
  };
  for (const table of ['outbox', 'queue', 'attempts', 'outcomes']) {
    for (const [kind, word] of Object.entries(kinds)) {
      const of = ({ product }: Round) =>
        (countOf(product.insert.tables, { table, kind }) +
          countOf(product.delivery.tables, { table, kind })) /
        webhooks;
      const line = figure(`${table}, ${word}`, { unit: '', digits: 3, runs: rounds, of });
      if ((line.spread?.max ?? 0) > 0) figures.push(line);
    }
  }
  return { title: 'Row versions per webhook', figures };
}

function countOf(
  tables: Readonly<Record<string, TableCounts>>,
  { table, kind }: { table: string; kind: string },
): number {
  const counts = tables[`posthorn.${table}`];
  return Object.entries(counts ?? {}).find(([name]) => name === kind)?.[1] ?? 0;
}

function noiseSection(rounds: readonly Round[]): Section {
  const noise = (name: string, of: (round: Round) => number | undefined) =>
    figure(name, {
      unit: '%',
      digits: 1,
      runs: rounds,
      of: (round) => {
        const share = of(round);
        return share === undefined ? undefined : 100 * share;
      },
    });
  return {
    title: 'Noise: share of all cores',
    figures: [
      noise('other programs, during the dispatch yardstick', ({ dispatch }) => dispatch.foreign),
      noise('other programs, during Posthorn', ({ product }) => product.window.foreign),
      noise('hypervisor (steal), dispatch yardstick', ({ dispatch }) => dispatch.stolen),
      noise('hypervisor (steal), during Posthorn', ({ product }) => product.window.stolen),
    ],
  };
}
