import { readFileSync } from 'node:fs';
import type { ClientBase, Pool, QueryConfig, QueryResultRow } from 'pg';

/** A statement of the engine: its text lives in sql/<name>.sql and is prepared under that name. */
export interface SqlFile {
  readonly name: string;
  /** As Postgres takes it, with $1, $2 … in place of names. */
  readonly text: string;
  /** The names in the order of $1, $2 …: `:'worker_number'` in the file is `workerNumber` here. */
  readonly parameters: readonly string[];
}

/** The value of each parameter of a statement, by name. Null is a value; undefined is none. */
export type SqlValues = Readonly<Record<string, unknown>>;

/**
 * Reads sql/<name>.sql of this package.
 *
 * @throws when there is no such file, or when it cannot be read as a statement: a defect of the package, found at start.
 */
export function sqlFile(name: string): SqlFile {
  const text = readFileSync(new URL(`../../sql/${name}.sql`, import.meta.url), 'utf8');
  return { name: `posthorn_${name}`, ...parseStatement(text) };
}

/** Runs a statement, prepared once per connection, and returns its rows. */
export async function runSql<Row extends QueryResultRow>(
  client: Pool | ClientBase,
  sql: SqlFile,
  values: SqlValues,
): Promise<Row[]> {
  const result = await client.query<Row>(queryOf(sql, values));
  return result.rows;
}

/**
 * A statement and its values, as pg takes them.
 *
 * @throws when a parameter has no value, or a value no parameter.
 */
export function queryOf(
  { name, text, parameters }: SqlFile,
  values: SqlValues,
): QueryConfig<unknown[]> & { readonly name: string } {
  const inOrder: unknown[] = [];
  for (const parameter of parameters) {
    const value = values[parameter];
    if (value === undefined) throw new Error(`${name} needs a value for "${parameter}"`);
    inOrder.push(value);
  }
  for (const given in values) {
    if (!parameters.includes(given)) throw new Error(`${name} has no parameter "${given}"`);
  }
  return { name, text, values: inOrder };
}

/**
 * What to look at in SQL: a parameter in the way of psql, `:'name'`; or text that only looks like one, because it is a comment, a
 * cast, a string or a quoted name.
 */
const pieces = new RegExp(
  [
    '--.*',
    String.raw`/\*[\s\S]*?\*/`,
    '::',
    `:'(?<name>[a-z_][a-z0-9_]*)'`,
    String.raw`(?<![\w$])[eE]'(?:[^'\\]|\\[\s\S]|'')*'`,
    `'(?:[^']|'')*'`,
    `"(?:[^"]|"")*"`,
    String.raw`(?<![\w$])\$(?<tag>(?:[A-Za-z_]\w*)?)\$[\s\S]*?\$\k<tag>\$`,
    String.raw`(?<![\w$])(?<number>\$\d+)`,
  ].join('|'),
  'g',
);

/**
 * Replaces the named parameters of a statement by $1, $2 … in the order in which they first appear.
 *
 * @throws when it has a parameter without a name.
 */
export function parseStatement(text: string): Pick<SqlFile, 'text' | 'parameters'> {
  const names: string[] = [];
  let replaced = '';
  let end = 0;
  for (const { 0: piece, index, groups = {} } of text.matchAll(pieces)) {
    const { name, number } = groups;
    if (number !== undefined) throw new Error(`A parameter needs a name: ${number} has none`);
    if (name === undefined) continue;
    if (!names.includes(name)) names.push(name);
    replaced += `${text.slice(end, index)}$${names.indexOf(name) + 1}`;
    end = index + piece.length;
  }
  return { text: replaced + text.slice(end), parameters: names.map(inCamelCase) };
}

/** `worker_number` as `workerNumber`. */
function inCamelCase(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
