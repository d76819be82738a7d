// Pure: no I/O, no clock, no randomness.

import type { FuzzResult, Report } from './run.ts';

/** A table: for each operation how many requests, their statuses, and what must be none. */
export function summaryOf({
  operations,
  latenciesMs,
  requests,
  elapsedS,
  problems,
}: FuzzResult): string {
  const rows = Object.entries(operations)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, one]) => [
      name,
      String(one.requests),
      String(one.serverErrors),
      String(one.changes),
      `${one.slowestMs.toFixed(0)} ms`,
      Object.entries(one.statuses)
        .map(([status, count]) => `${status === '0' ? 'none' : status}: ${count}`)
        .join(', '),
    ]);
  const table = [['operation', 'requests', '5xx', 'changed', 'slowest', 'by status'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...table.map((row) => (row[column] ?? '').length)),
  );
  const lines = table.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  '),
  );
  const { p50, p99, max } = latenciesMs;
  return [
    ...lines,
    '',
    `${requests} requests in ${elapsedS.toFixed(0)} s; answers in ${p50.toFixed(1)} ms (half), ${p99.toFixed(1)} ms (99 of 100), ${max.toFixed(0)} ms (slowest)`,
    `${Object.keys(problems).length} kinds of problems: ${Object.keys(problems).toSorted().join(', ')}`,
  ].join('\n');
}

/** A finding, and how to have it again. The key of the run is gone: $KEY is to be one of the server that is asked. */
export function reportText(
  { kind, detail, operations, number, description, request }: Report,
  { seed, keys }: { readonly seed: number; readonly keys: readonly string[] },
): string {
  const places = Object.entries(operations).map(([name, count]) => `${name}: ${count}`);
  return [
    `${kind.toUpperCase()}: ${detail}`,
    `  at ${places.join(', ')}; smallest: ${description}`,
    `  npm run fuzz -- --seed ${seed} --requests ${number + 1}    with all before it, or only it: --from ${number} --requests 1`,
    `  ${shellCommand(request, keys)}`,
  ].join('\n');
}

const mostCharacters = 6_000;

/** A command that sends these very bytes. */
export function shellCommand(bytes: Buffer, keys: readonly string[]): string {
  let text = bytes.toString('latin1');
  for (const key of keys) text = text.replaceAll(key, '\uffff');
  const escaped = text.replace(/[^\uffff -~]|[%'\\]/g, (character) => {
    if (character === '%') return '%%';
    if (character === '\r') return '\\r';
    if (character === '\n') return '\\n';
    return `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
  });
  if (escaped.length > mostCharacters) {
    return `the request is ${bytes.length} bytes; it begins ${escaped.slice(0, 400).replaceAll('\uffff', '$KEY')}`;
  }
  const places = escaped.split('\uffff');
  const given =
    places.length === 1
      ? ''
      : ` ${Array(places.length - 1)
          .fill('"$KEY"')
          .join(' ')}`;
  return `printf '${places.join('%s')}'${given} | nc -q 5 127.0.0.1 8080`;
}
