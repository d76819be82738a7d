// Pure: no I/O, no clock, no randomness.

import { createHash } from 'node:crypto';

/** One small change of the code that some test should notice. */
export interface Mutant {
  /** Path from the root of the repository. */
  readonly file: string;
  /** The first line that changes, from 1. */
  readonly line: number;
  /** The last line that changes. */
  readonly endLine: number;
  /** What was done, such as `drop predicate` or Stryker's `ConditionalExpression`. */
  readonly kind: string;
  /** The text that is replaced. */
  readonly before: string;
  readonly after: string;
  /** The first line as it stands in the file, without its indentation. */
  readonly source: string;
  /** The span of `before` in the file, in characters. */
  readonly start: number;
  readonly end: number;
  /** In a migration: the function, trigger or view that it is part of. */
  readonly definition?: string;
}

export type Status = 'killed' | 'survived' | 'timeout' | 'invalid' | 'no coverage';

export interface Result {
  readonly mutant: Mutant;
  readonly status: Status;
  /** The test that failed, or the error of Postgres when the mutant is invalid. */
  readonly detail: string;
  readonly ms: number;
}

/**
 * Names a mutant by its text and not by its place, so that a judgement outlives changes elsewhere in the file. Two equal changes
 * of two equal lines of a file share their name.
 */
export function keyOf({
  file,
  source,
  before,
  after,
}: Pick<Mutant, 'file' | 'source' | 'before' | 'after'>): string {
  const text = [file, source, squeezed(before), squeezed(after)].join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** On one line, for people. */
export function describeMutant({ file, line, before, after }: Mutant): string {
  return `${file}:${line}  ${shortened(before)} -> ${shortened(after) || '(nothing)'}`;
}

/** The text of the file with the mutant in it. */
export function applied(text: string, { start, end, after }: Mutant): string {
  return text.slice(0, start) + after + text.slice(end);
}

/** As many as wanted, spread evenly over the list; `offset` from 0 up to but not 1 shifts the choice. */
export function spread<T>(
  list: readonly T[],
  { count, offset }: { count: number; offset: number },
) {
  if (count >= list.length) return [...list];
  const step = list.length / count;
  return Array.from(
    { length: count },
    (_, index) => list[Math.floor((index + offset) * step)],
  ).filter((item) => item !== undefined);
}

function squeezed(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function shortened(text: string): string {
  const line = squeezed(text);
  return line.length > 90 ? `${line.slice(0, 87)}...` : line;
}
