import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { type ScriptVariable, statementsOf, variablesOf } from '../db/psql-script.ts';
import { pinStatement } from '../db/session-settings.ts';
import type { ReportName } from './report-names.ts';

export interface Report {
  readonly name: ReportName;
  /** What it answers: the first line of the file. */
  readonly answers: string;
  readonly variables: readonly ScriptVariable[];
}

/** What a report found; one that has several statements finds several of these. */
export interface ReportTable {
  readonly columns: readonly { readonly name: string; readonly type: number }[];
  /** As psql shows them. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Longer than any report takes with ten million webhooks and a period of a week. */
const timeoutS = 60;

/** Reads what a report answers, and what it can be given. */
export function describeReport(name: ReportName): Report {
  const script = scriptOf(name);
  const [first = ''] = script.split('\n');
  return { name, answers: first.replace(/^-- /, ''), variables: variablesOf(script) };
}

/**
 * Runs a report in a transaction that cannot write.
 *
 * @throws when a variable without a default has no value, and when Postgres refuses a value or a right.
 */
export async function runReport(
  client: pg.ClientBase,
  {
    name,
    values,
  }: { readonly name: ReportName; readonly values: Readonly<Record<string, string>> },
): Promise<ReportTable[]> {
  const statements = statementsOf(scriptOf(name), values);
  const tables: ReportTable[] = [];
  await client.query('begin transaction isolation level repeatable read read only');
  try {
    await client.query(pinStatement({ isLocal: true, isReader: true, more: settings }));
    for (const statement of statements) {
      const { fields, rows } = await client.query<(string | null)[]>({
        text: statement.text,
        values: [...statement.values],
        rowMode: 'array',
        // As Postgres prints them, and so as psql shows them.
        types: { getTypeParser: () => (text: string) => text },
      });
      if (fields.length === 0) continue;
      tables.push({
        columns: fields.map((field) => ({ name: field.name, type: field.dataTypeID })),
        rows,
      });
    }
  } finally {
    // A transaction that only reads has nothing to commit. If the connection is lost, the first error says so.
    await client.query('rollback').catch(() => {});
  }
  return tables;
}

/** Without jit off, Postgres compiles what it takes for expensive, for longer than the whole report takes. */
const settings = { jit: 'off', statement_timeout: `${timeoutS}s` };

function scriptOf(name: ReportName): string {
  return readFileSync(new URL(`../../sql/history/${name}.sql`, import.meta.url), 'utf8');
}
