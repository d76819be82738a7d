// Pure: no I/O, no clock, no randomness.

import { type Definition, latestDefinitions } from './definitions.ts';
import { definitionFolders, isStatementFile } from './grounds.ts';
import type { Mutant } from './mutant.ts';
import { changesOf } from './sql-mutants.ts';

/** A file of the repository. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
}

/** All mutants of the statements, and of the latest definitions of functions, triggers and views. */
export function findSqlMutants(files: readonly SourceFile[]): Mutant[] {
  const texts = new Map(files.map(({ file, text }) => [file, text]));
  const ofStatements = files
    .filter(({ file }) => isStatementFile(file))
    .flatMap(({ file, text }) => mutantsOf({ file, text, from: 0, to: text.length }));
  const ofDefinitions = definitionsIn(files).flatMap(({ name, file, start, end }) =>
    mutantsOf({ file, text: texts.get(file) ?? '', from: start, to: end }).map((mutant) => ({
      ...mutant,
      definition: name,
    })),
  );
  return [...ofStatements, ...ofDefinitions];
}

/** The definitions that are in force, of all files that hold some. */
export function definitionsIn(files: readonly SourceFile[]): Definition[] {
  const inOrder = definitionFolders.flatMap((folder) =>
    files
      .filter(({ file }) => file.startsWith(folder) && file.endsWith('.sql'))
      .sort((a, b) => (a.file < b.file ? -1 : 1)),
  );
  return latestDefinitions(inOrder);
}

function mutantsOf({
  file,
  text,
  from,
  to,
}: SourceFile & { readonly from: number; readonly to: number }): Mutant[] {
  return changesOf(text.slice(from, to)).map(({ kind, start, end, after }) => {
    const [first, last] = [from + start, from + end];
    const line = text.slice(0, first).split('\n').length;
    return {
      file,
      line,
      endLine: line + text.slice(first, last).split('\n').length - 1,
      kind,
      before: text.slice(first, last),
      after,
      source: text.split('\n')[line - 1]?.trim() ?? '',
      start: first,
      end: last,
    };
  });
}
