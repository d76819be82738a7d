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

/** What a run ends with. */
export interface Result {
  readonly title: string;
  readonly sections: readonly Section[];
  /** What must hold and does not; see checks.ts. */
  readonly violations: readonly string[];
  /** SVG, each for a file of its own. */
  readonly pictures?: Readonly<Record<string, string>>;
  /** All that was measured, for the file. */
  readonly runs: unknown;
}

/** As a table for a terminal or a Markdown code block: median, and least and most of the rounds. */
export function renderSections(sections: readonly Section[]): string {
  const lines: string[] = [];
  for (const { title, figures } of sections) {
    lines.push('', title);
    for (const { name, unit, digits, spread } of figures) {
      const show = (value: number) => value.toLocaleString('en', decimals(digits));
      const median = spread === undefined ? 'unknown' : show(spread.median);
      const range = spread === undefined ? '' : `${show(spread.min)} to ${show(spread.max)}`;
      lines.push(`  ${name.padEnd(44)}${median.padStart(10)} ${unit.padEnd(6)} ${range}`.trimEnd());
    }
  }
  return lines.join('\n');
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
