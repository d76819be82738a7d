/** The tests of the catalogue that are more than a row: by file, of which numbers. Each file shows that it has them. */
export const ownTests = {
  connections: [10, 11],
  producers: [92, 93, 95, 96, 97, 98, 100, 102],
} as const;

/** Titles of such tests, and the numbers that they were given for. */
export function numbered(): {
  readonly titled: (number: number, what: string) => string;
  readonly numbers: () => readonly number[];
} {
  const seen = new Set<number>();
  return {
    titled: (number, what) => {
      seen.add(number);
      return `${number}: ${what}`;
    },
    numbers: () => [...seen].toSorted((a, b) => a - b),
  };
}
