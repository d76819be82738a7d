import { rowsIn, runnerOf, type Statement, type Transaction } from '../transaction/transaction.ts';
import { databaseError } from './database-error.ts';
import type { Row } from './rows.ts';

/**
 * Runs a statement for some rows in a transaction, and returns the ids of the rows, in their order.
 *
 * @param caller the function of ours that was called, for errors
 */
export async function run(
  tx: Transaction,
  {
    caller,
    rows,
    statementOf,
  }: {
    readonly caller: string;
    readonly rows: readonly Row[];
    readonly statementOf: (rows: readonly Row[]) => Statement;
  },
): Promise<string[]> {
  const runIn = runnerOf(caller, tx);
  if (rows.length === 0) return [];
  const statement = statementOf(rows);
  try {
    return idsOf(await runIn(statement), { caller, count: rows.length });
  } catch (error) {
    throw databaseError(error, { statement, secrets: secretsOf(rows) });
  }
}

function secretsOf(rows: readonly Row[]): readonly string[] {
  // A secret of a letter or two would take all such letters out of a message, and protects nothing.
  return rows
    .map((row) => row['secret'])
    .filter((secret): secret is string => typeof secret === 'string' && secret.length > 3);
}

function idsOf(
  result: unknown,
  { caller, count }: { readonly caller: string; readonly count: number },
): string[] {
  const ids = (rowsIn(result) ?? []).map((row) => (row as { id?: unknown } | null)?.id);
  if (ids.length === count && ids.every((id) => typeof id === 'string')) return ids;
  throw new TypeError(
    `${caller}() needs a transaction whose query resolves to rows with an id, or to { rows }, but it resolved to something else: what was stored is unknown`,
  );
}

/** Makes the rows of a list. An error says which of them is wrong. */
export function rowsOf<Given>(
  name: string,
  list: readonly Given[],
  rowOf: (given: Given) => Row,
): Row[] {
  if (!Array.isArray(list)) throw new TypeError(`The ${name} must be an array`);
  // Unlike map(), it does not pass over what is missing in the list.
  return Array.from(list, (one, index) => {
    try {
      return rowOf(one);
    } catch (error) {
      if (error instanceof TypeError) error.message = `${name}[${index}]: ${error.message}`;
      throw error;
    }
  });
}
