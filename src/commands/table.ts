// Pure: no I/O, no clock, no randomness.

const colours = { red: 31, green: 32, yellow: 33, blue: 34, faint: 2, bold: 1 } as const;

export type Colour = keyof typeof colours;

/** Colours a text, if colours are on. */
export function paint(text: string, colour: Colour | undefined, hasColours: boolean): string {
  return hasColours && colour !== undefined ? `\u001B[${colours[colour]}m${text}\u001B[0m` : text;
}

/** A cell: a text, or a text with a colour. */
export type Cell = string | readonly [text: string, colour: Colour | undefined];

/**
 * Formats aligned columns with a header. Names and answers from outside may contain anything, even control characters
 * for the terminal, so each cell is shown in one line. The last column is cut at the edge.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  { hasColours, columns }: { readonly hasColours: boolean; readonly columns: number },
): string {
  const all: readonly (readonly Cell[])[] = [head.map((name) => [name, 'faint'] as const), ...rows];
  const widths = head.map((_, at) =>
    Math.max(...all.map((row) => [...oneLine(textOf(row[at] ?? ''))].length)),
  );
  return all
    .map((row) => {
      let left = columns;
      return row
        .map((cell, at) => {
          const isLast = at === row.length - 1;
          const width = widths[at] ?? 0;
          const text = cut(oneLine(textOf(cell)), Math.max(1, left));
          left -= width + 2;
          const colour = typeof cell === 'string' ? undefined : cell[1];
          const padding = isLast ? '' : ' '.repeat(Math.max(0, width - [...text].length));
          return paint(text, colour, hasColours) + padding;
        })
        .join('  ')
        .trimEnd();
    })
    .join('\n');
}

/** Removes characters that move the cursor or change the colours or the direction of writing. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell[0];
}

function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
}

const statusColours: Readonly<Record<string, Colour>> = {
  delivered: 'green',
  failed: 'red',
  cancelled: 'faint',
  delivering: 'blue',
  active: 'green',
  paused: 'yellow',
  disabled: 'red',
};

/** A status with its colour. */
export function statusCell(status: string): Cell {
  return [status, statusColours[status]];
}

/** A time to the second, in UTC, as psql shows it. */
export function timeText(time: string | null): string {
  return time === null ? '' : `${time.slice(0, 10)} ${time.slice(11, 19)}`;
}

/** Formats seconds for people: 4 s, 3 min, 5 h, 2 d. */
export function spanText(seconds: number | null): string {
  if (seconds === null) return '';
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h`
    : `${Math.round(seconds / 86_400)} d`;
}
