// Pure: no I/O, no clock, no randomness.

import type { Judged } from './judged.ts';
import { describeMutant, keyOf, type Result, type Status } from './mutant.ts';

const columns: readonly Status[] = ['killed', 'timeout', 'survived', 'no coverage', 'invalid'];

/** Survivors, and those that no test reaches, without those that were judged. */
export function unjudged(
  results: readonly Result[],
  judged: ReadonlyMap<string, Judged>,
): Result[] {
  return results.filter(
    ({ status, mutant }) =>
      (status === 'survived' || status === 'no coverage') && !judged.has(keyOf(mutant)),
  );
}

/** For people: a table of the folders, then what a test should be written for. */
export function renderReport(
  results: readonly Result[],
  { judged }: { judged: ReadonlyMap<string, Judged> },
): string {
  const folders = new Map<string, Result[]>();
  for (const result of results) {
    const folder = folderOf(result);
    folders.set(folder, [...(folders.get(folder) ?? []), result]);
  }
  const rows = [...folders]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([folder, of]) => rowOf(folder, of, judged));
  if (rows.length > 1) rows.push(rowOf('all', results, judged));
  const table = renderTable([['', ...columns, 'judged', 'score'], ...rows]);
  const open = unjudged(results, judged);
  const lines = open.map(
    ({ mutant, status }) =>
      `  ${status === 'survived' ? 'SURVIVED' : 'NO COVERAGE'} ${describeMutant(mutant)}  [${mutant.kind}, ${keyOf(mutant)}]`,
  );
  return [table, ...(lines.length > 0 ? ['', ...lines] : [])].join('\n');
}

/** Killed and timeouts of all but the invalid and the judged, in percent. */
export function scoreOf(results: readonly Result[], judged: ReadonlyMap<string, Judged>): number {
  const noticed = results.filter(
    ({ status }) => status === 'killed' || status === 'timeout',
  ).length;
  const all = noticed + unjudged(results, judged).length;
  return all === 0 ? 100 : (100 * noticed) / all;
}

function folderOf({ mutant: { file } }: Result): string {
  return file
    .split('/')
    .slice(0, file.startsWith('src/') ? 2 : 1)
    .join('/');
}

function rowOf(
  name: string,
  results: readonly Result[],
  judged: ReadonlyMap<string, Judged>,
): string[] {
  const counts = columns.map(
    (status) => results.filter((result) => result.status === status).length,
  );
  const open = unjudged(results, judged).length;
  const unnoticed = (counts[2] ?? 0) + (counts[3] ?? 0);
  return [
    name,
    ...counts.map(String),
    String(unnoticed - open),
    `${scoreOf(results, judged).toFixed(0)} %`,
  ];
}

function renderTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, at) =>
          at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}
