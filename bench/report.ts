// Pure: no I/O, no clock, no randomness.

import { type Spread, spreadOf } from './statistics.ts';

/** A line of the report. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Digits after the point. */
  readonly digits: number;
  readonly spread: Spread | undefined;
}

/** A heading and its lines. */
export interface Section {
  readonly title: string;
  readonly figures: readonly Figure[];
}

/** Several that were measured beside each other: a heading, a column for each, and its medians. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** A line of a table; a cell may say in words why it has no figure. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly digits: number;
  readonly cells: readonly (Spread | string | undefined)[];
}

/** What a run ends with. */
export interface Result {
  readonly title: string;
  readonly sections: readonly (Section | Table)[];
  /** What must hold and does not; see checks.ts. */
  readonly violations: readonly string[];
  /** SVG, each for a file of its own. */
  readonly pictures?: Readonly<Record<string, string>>;
  /** All that was measured, for the file. */
  readonly runs: unknown;
}

/** For a terminal or a Markdown code block: median, and least and most of the rounds; of tables the medians. */
export function renderSections(sections: readonly (Section | Table)[]): string {
  return sections
    .flatMap((section) => ['', ...('rows' in section ? tableLines(section) : listLines(section))])
    .join('\n');
}

function listLines({ title, figures }: Section): string[] {
  const lines = figures.map(({ name, unit, digits, spread }) => {
    const median = spread === undefined ? 'unknown' : shown(spread.median, digits);
    const range =
      spread === undefined ? '' : `${shown(spread.min, digits)} to ${shown(spread.max, digits)}`;
    return `  ${name.padEnd(44)}${median.padStart(10)} ${unit.padEnd(6)} ${range}`.trimEnd();
  });
  return [title, ...lines];
}

function tableLines({ title, columns, rows }: Table): string[] {
  const header = columns.map((name) => name.padStart(15)).join('');
  const lines = rows.map(({ name, unit, digits, cells }) => {
    const texts = cells.map((cell) => {
      if (cell === undefined) return 'unknown';
      return typeof cell === 'string' ? cell : shown(cell.median, digits);
    });
    const label = unit === '' ? name : `${name}, ${unit}`;
    return `  ${label.padEnd(42)}${texts.map((text) => text.padStart(15)).join('')}`;
  });
  return [title, `  ${''.padEnd(42)}${header}`, ...lines];
}

function shown(value: number, digits: number): string {
  return value.toLocaleString('en', decimals(digits));
}

/** A line of the report, from what each run says. */
export function figure<Run>(
  name: string,
  line: {
    readonly unit: string;
    readonly digits?: number;
    readonly runs: readonly Run[];
    readonly of: (run: Run) => number | undefined;
  },
): Figure {
  const { unit, digits = 0, runs, of } = line;
  return { name, unit, digits, spread: spreadOf(runs.map(of)) };
}

function decimals(digits: number): Intl.NumberFormatOptions {
  return { minimumFractionDigits: digits, maximumFractionDigits: digits };
}
