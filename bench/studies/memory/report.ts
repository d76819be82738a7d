// Pure: no I/O, no clock, no randomness.

import type { Table } from '../../report.ts';
import { spreadOf } from '../../statistics.ts';
import type { Reading } from './reading.ts';

/** What a worker of the run has that others have not. */
export interface Arm {
  /** Of 100 webhooks so many go to a host that was never sent to before. */
  readonly newHostPercent: number;
  /** --max-semi-space-size, MB; 0: as Node.js sizes it. */
  readonly semiSpaceMb: number;
}

export interface MemoryRun extends Arm {
  readonly committed: number;
  readonly readings: readonly Reading[];
  readonly violations: readonly string[];
}

/** A table for each share of new hosts, with a column for each limit. */
export function memoryTables(runs: readonly MemoryRun[]): Table[] {
  const percents = [...new Set(runs.map(({ newHostPercent }) => newHostPercent))];
  return percents.map((percent) => {
    const beside = runs.filter(({ newHostPercent }) => newHostPercent === percent);
    const row = (
      name: string,
      { unit, digits = 0, of }: { unit: string; digits?: number; of: (run: MemoryRun) => number },
    ) => ({ name, unit, digits, cells: beside.map((run) => spreadOf([of(run)])) });
    const mb = (name: string, of: (readings: readonly Reading[]) => number) =>
      row(name, { unit: 'MB', of: ({ readings }) => of(readings) / 1e6 });
    return {
      title: `${percent} % of the webhooks to hosts never sent to before`,
      columns: beside.map(({ semiSpaceMb }) => limitName(semiSpaceMb)),
      rows: [
        mb('resident after a tenth of the time', (all) => all[at(all, 0.1)]?.rss ?? Number.NaN),
        mb('resident after half of the time', (all) => all[at(all, 0.5)]?.rss ?? Number.NaN),
        mb('resident at the end', (all) => all.at(-1)?.rss ?? Number.NaN),
        mb('most resident', (all) => Math.max(...all.map(({ rss }) => rss))),
        row('growth in the second half', {
          unit: 'MB/h',
          digits: 1,
          of: ({ readings }) => growthOf(readings.slice(at(readings, 0.5))) / 1e6,
        }),
        mb('young generation at the end', (all) => all.at(-1)?.youngSpace ?? Number.NaN),
        mb('old space at the end', (all) => all.at(-1)?.oldSpace ?? Number.NaN),
        mb('least heap in use in the second tenth', (all) => floorOf(all, { from: 0.1, to: 0.2 })),
        mb('least heap in use in the last tenth', (all) => floorOf(all, { from: 0.9, to: 1 })),
        mb('external at the end', (all) => all.at(-1)?.external ?? Number.NaN),
        row('CPU per webhook', {
          unit: 'us',
          of: ({ readings, committed }) =>
            (1e6 * between(readings, ({ cpuS }) => cpuS)) / committed,
        }),
        row('of it, garbage collection', {
          unit: 'us',
          digits: 1,
          of: ({ readings, committed }) =>
            (1e6 * between(readings, ({ collectingS }) => collectingS)) / committed,
        }),
      ],
    };
  });
}

export function limitName(semiSpaceMb: number): string {
  return semiSpaceMb === 0 ? 'Node.js default' : `${semiSpaceMb} MB`;
}

function at(readings: readonly Reading[], share: number): number {
  return Math.round((readings.length - 1) * share);
}

function between(readings: readonly Reading[], of: (reading: Reading) => number): number {
  const [first] = readings;
  const last = readings.at(-1);
  return first === undefined || last === undefined ? Number.NaN : of(last) - of(first);
}

function floorOf(readings: readonly Reading[], { from, to }: { from: number; to: number }): number {
  const part = readings.slice(at(readings, from), at(readings, to) + 1);
  return Math.min(...part.map(({ heapUsed }) => heapUsed));
}

/** Slope of the straight line through the resident memory (least squares), bytes an hour. */
export function growthOf(readings: readonly Pick<Reading, 'atS' | 'rss'>[]): number {
  const mean = (of: (reading: Pick<Reading, 'atS' | 'rss'>) => number) =>
    readings.reduce((sum, reading) => sum + of(reading), 0) / readings.length;
  const atS = mean((reading) => reading.atS);
  const rss = mean((reading) => reading.rss);
  const together = mean((reading) => (reading.atS - atS) * (reading.rss - rss));
  const spread = mean((reading) => (reading.atS - atS) ** 2);
  return (3_600 * together) / spread;
}
