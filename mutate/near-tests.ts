// Pure: no I/O, no clock, no randomness.

import { posix } from 'node:path';

/**
 * For each file the tests that bear its name and import it; if there are none, those that import it; if there are none of these
 * either, those that reach it through what the tests share. The others use it for something else.
 */
export function testsOf(
  files: Iterable<string>,
  {
    tests,
    texts,
  }: {
    readonly tests: readonly string[];
    /** The tests, and what they share. */
    readonly texts: ReadonlyMap<string, string>;
  },
): Map<string, readonly string[]> {
  const importsOf = new Map([...texts].map(([file, text]) => [file, importedBy(file, text)]));
  const reachedBy = new Map(tests.map((test) => [test, reachedFrom(test, importsOf)]));
  return new Map(
    [...files].map((file) => {
      const reaching = tests.filter((test) => reachedBy.get(test)?.has(file));
      const named = reaching.filter((test) => bareName(test) === bareName(file));
      const direct = reaching.filter((test) => importsOf.get(test)?.includes(file));
      return [file, [named, direct, reaching].find((some) => some.length > 0) ?? []];
    }),
  );
}

function reachedFrom(
  test: string,
  importsOf: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> {
  const reached = new Set([test]);
  for (const file of reached) for (const next of importsOf.get(file) ?? []) reached.add(next);
  return reached;
}

/** Paths from the root of what a file imports from other files of ours. */
function importedBy(file: string, text: string): string[] {
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.\.?\/[^']+\.ts)'/g);
  return [...found].map(([, path]) => posix.join(posix.dirname(file), path ?? ''));
}

function bareName(path: string): string {
  return posix.basename(path).replace(/(?:\.test)?\.ts$/, '');
}
