// Pure: no I/O, no clock, no randomness.

import { type Column, columns, type Verdict, type Verdicts } from './judge.ts';

/** A row of the table: an example, and what came of it. */
export interface Row {
  readonly title: string;
  readonly verdicts: Verdicts;
  /** Why there is nothing in a column, for the reader. */
  readonly notes: Readonly<Partial<Record<Column, string>>>;
}

const headings: Readonly<Record<Column, string>> = {
  commit: 'commit',
  rollback: 'rollback',
  id: 'id back',
  headers: 'headers',
  bulk: 'bulk',
  illegal: 'illegal value',
  key: 'key twice',
  event: 'event',
  migration: 'migration tool',
  pgbouncer: 'PgBouncer',
  producer: '`posthorn/producer`',
};

const begin = '<!-- results: begin -->';
const end = '<!-- results: end -->';

/** The table as text for a terminal, followed by what went wrong. */
export function asText(rows: readonly Row[]): string {
  const cells = [
    ['', ...columns.map((column) => headings[column].replaceAll('`', ''))],
    ...rows.map(({ title, verdicts }) => [title, ...columns.map((one) => signOf(verdicts[one]))]),
  ];
  const widths = (cells[0] ?? []).map((_, index) =>
    Math.max(...cells.map((row) => row[index]?.length ?? 0)),
  );
  const lines = cells.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const troubles = rows.flatMap(troublesOf);
  return [...lines, ...(troubles.length > 0 ? ['', ...troubles] : [])].join('\n');
}

/** What went wrong, each once: a program that ended too soon leaves many columns without an answer. */
function troublesOf({ title, verdicts }: Row): string[] {
  const columnsOf = Map.groupBy(columns, (column) => {
    const verdict = verdicts[column];
    return verdict?.kind === 'bad' ? verdict.why : undefined;
  });
  return [...columnsOf].flatMap(([why, names]) =>
    why === undefined ? [] : [`${title}, ${names.join(', ')}: ${why}`],
  );
}

/**
 * The page with these rows between its markers. Rows of examples that did not run stay as they are, in the order of `titles`,
 * which are those of all examples.
 */
export function withRows(
  page: string,
  { rows, titles }: { readonly rows: readonly Row[]; readonly titles: readonly string[] },
): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The page must have the lines ${begin} and ${end}`);
  const old = new Map(
    page
      .slice(from, to)
      .split('\n')
      .flatMap((line) => {
        const title = /^\| ([^|]+) \|/.exec(line)?.[1];
        return title === undefined ? [] : [[title, line] as const];
      }),
  );
  const fresh = new Map(rows.map((row) => [row.title, lineOf(row)]));
  const lines = titles.flatMap((title) => fresh.get(title) ?? old.get(title) ?? []);
  const heading = `| | ${columns.map((column) => headings[column]).join(' | ')} |`;
  const rule = `|---|${columns.map(() => '---|').join('')}`;
  const table = [begin, heading, rule, ...lines].join('\n');
  return `${page.slice(0, from)}${table}\n${page.slice(to)}`;
}

function lineOf({ title, verdicts, notes }: Row): string {
  const cells = columns.map((column) => {
    const verdict = verdicts[column];
    const note = verdict?.kind === 'none' ? (verdict.why ?? notes[column]) : notes[column];
    return note === undefined ? signOf(verdict) : `${signOf(verdict)} ${note}`;
  });
  return `| ${[title, ...cells].join(' | ')} |`;
}

function signOf(verdict: Verdict | undefined): string {
  if (verdict === undefined || verdict.kind === 'none') return '–';
  return verdict.kind === 'good' ? '✔' : '✘';
}
