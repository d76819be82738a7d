// Pure: no I/O, no clock, no randomness.

import type { ProductRun } from '../../product-run.ts';
import type { Row, Table } from '../../report.ts';
import { type Spread, spreadOf } from '../../statistics.ts';
import { noiseOf } from '../../window.ts';
import type { YardstickRun } from '../../yardstick-run.ts';
import { columnsOf, cpuUsOf } from '../peers/cost-report.ts';
import type { PeerRuns } from '../peers/peer-rounds.ts';
import { type PeerName, peers } from '../peers/peers.ts';

/** A drain to so many endpoints by so many workers, with a receiver that takes so long. */
export interface Cell {
  readonly delayMs: number;
  readonly endpoints: number;
  readonly workers: number;
}

/** A cell in one round. */
export interface CellRun {
  readonly round: number;
  readonly cell: Cell;
  readonly dispatch: YardstickRun;
  readonly product: ProductRun;
  readonly peers: PeerRuns;
}

interface Matrix {
  readonly cells: readonly Cell[];
  readonly runs: readonly CellRun[];
  readonly names: readonly PeerName[];
}

export function cellWords({ delayMs, endpoints, workers }: Cell): string {
  return `after ${delayMs} ms, ${endpoints.toLocaleString('en')} endpoint(s), ${workers} worker(s)`;
}

/** Rates, ratios and CPU time: a line for each cell. */
export function matrixTables({ cells, runs, names }: Matrix): Table[] {
  const table = (
    title: string,
    { columns, digits }: { columns: readonly Column[]; digits: number },
  ): Table => ({
    title,
    columns: columns.map(({ title: head }) => head),
    rows: cells.map((cell): Row => {
      const ofCell = runs.filter((run) => isSame(run.cell, cell));
      return {
        name: cellWords(cell),
        unit: '',
        digits,
        cells: columns.map(({ of }) => spread(ofCell.map(of))),
      };
    }),
  });
  const columnsBy = (of: (run: ProductRun) => number | undefined): Column[] =>
    columnsOf(names).map((title, index) => ({
      title,
      of: (run) => {
        const name = names[index - 1];
        const its = name === undefined ? run.product : run.peers[name];
        return its === undefined ? undefined : of(its);
      },
    }));
  const rate = ({ perSecond }: ProductRun) => perSecond;
  /** Posthorn's rate to that of another cell in the same round. */
  const toCell = (change: Partial<Cell>) => (run: CellRun) => {
    const other = runs.find(
      ({ round, cell }) => round === run.round && isSame(cell, { ...run.cell, ...change }),
    );
    return other === undefined ? undefined : run.product.perSecond / other.product.perSecond;
  };
  return [
    table('Webhooks a second', {
      digits: 0,
      columns: [
        { title: 'bare POSTs', of: ({ dispatch }) => dispatch.perSecond },
        ...columnsBy(rate),
        {
          title: 'noise, %',
          of: ({ product }) => 100 * noiseOf(product.window),
        },
      ],
    }),
    table('Posthorn to others in the same round, and to itself with one endpoint or worker', {
      digits: 2,
      columns: [
        {
          title: 'bare POSTs',
          of: ({ product, dispatch }) => product.perSecond / dispatch.perSecond,
        },
        ...names.map((name) => ({
          title: peers[name].label,
          of: ({ product, peers: runsOf }: CellRun) =>
            product.perSecond / (runsOf[name]?.perSecond ?? Number.NaN),
        })),
        { title: '1 endpoint', of: toCell({ endpoints: 1 }) },
        { title: '1 worker', of: toCell({ workers: 1 }) },
      ],
    }),
    table('CPU of Node, Postgres and Redis together, µs a webhook', {
      digits: 0,
      columns: columnsBy(cpuUsOf),
    }),
  ];
}

interface Column {
  readonly title: string;
  readonly of: (run: CellRun) => number | undefined;
}

function isSame(one: Cell, other: Cell): boolean {
  return (
    one.delayMs === other.delayMs &&
    one.endpoints === other.endpoints &&
    one.workers === other.workers
  );
}

/** A dash where there is nothing to compare with in this run. */
function spread(values: readonly (number | undefined)[]): Spread | string {
  return spreadOf(values) ?? '-';
}
