import { connect } from '../db/connect.ts';
import { codeOf } from '../db/sqlstate.ts';
import { isCanonicalUuid } from '../domain/uuid.ts';
import { reportNames } from '../queries/report-names.ts';
import { describeReport, type Report, type ReportTable, runReport } from '../queries/reports.ts';
import { toRfc3339 } from '../queries/rfc3339.ts';
import { type Given, hasOption, textOption, UsageError } from './command.ts';
import { findDatabase, requireSchema } from './database.ts';
import { table } from './table.ts';
import { print, terminalOf } from './terminal.ts';

const mostRows = 100_000;

/** `posthorn report`: lists the reports, or runs one. */
export async function report(given: Given): Promise<void> {
  const name = reportNames.find((one) => one === given.arguments[0]);
  if (name === undefined) return listReports(given);
  const described = describeReport(name);
  const values = valuesOf(given, described);
  const { databaseUrl } = await findDatabase();
  const client = await connect(databaseUrl, { application_name: 'posthorn cli' });
  try {
    await requireSchema(client);
    const tables = await runReport(client, { name, values });
    print(hasOption(given, 'json') ? { report: name, tables: tables.map(valuesIn) } : text(tables));
  } catch (error) {
    throw explained(error, given);
  } finally {
    await client.end();
  }
}

function listReports(given: Given): void {
  const option = ['since', 'rows', 'id'].find((name) => given.options[name] !== undefined);
  if (option !== undefined) {
    throw new UsageError(
      `--${option} needs the name of a report: one of ${reportNames.join(', ')}`,
    );
  }
  const reports = reportNames.map(describeReport);
  if (hasOption(given, 'json')) {
    print({
      reports: reports.map(({ name, answers, variables }) => ({
        name,
        answers,
        options: variables.map((one) => ({ name: one.name, default: one.fallback ?? null })),
      })),
    });
    return;
  }
  const rows = reports.map(({ name, answers, variables }) => [
    name,
    variables.map((one) => `--${one.name}`).join(' '),
    answers,
  ]);
  print(table(['NAME', 'OPTIONS', 'WHAT IT ANSWERS'], rows, terminalOf(process.stdout)));
}

/** Reads the values of a report's variables, and refuses those that it does not take. */
function valuesOf(given: Given, { name, variables }: Report): Record<string, string> {
  const known = variables.map((variable) => variable.name);
  const values: Record<string, string> = {};
  for (const option of ['since', 'rows', 'id']) {
    const value = textOption(given, option);
    if (value === undefined) continue;
    if (!known.includes(option)) {
      throw new UsageError(
        `The report ${name} takes no --${option}: it takes ${known.map((one) => `--${one}`).join(' and ')}`,
      );
    }
    values[option] = value;
  }
  for (const { name: variable, fallback } of variables) {
    if (fallback !== undefined || values[variable] !== undefined) continue;
    throw new UsageError(`The report ${name} needs --${variable}`);
  }
  const { rows, id } = values;
  if (rows !== undefined && !(/^[1-9]\d{0,5}$/.test(rows) && Number(rows) <= mostRows)) {
    throw new UsageError(`--rows must be a whole number from 1 to ${mostRows}: "${rows}" is not`);
  }
  if (id !== undefined && !isCanonicalUuid(id)) {
    throw new UsageError(`--id must be a UUID in lower case with dashes: "${id}" is not`);
  }
  return values;
}

/** Errors of Postgres that the command line, or the login, is the cause of. */
function explained(error: unknown, given: Given): unknown {
  const code = codeOf(error) ?? '';
  const since = textOption(given, 'since');
  if (since !== undefined && /^(22007|22008|22015|22P02)$/.test(code)) {
    return new UsageError(
      `--since must be a Postgres interval, such as '7 days', '90 minutes' or 2h: "${since}" is not`,
      { cause: error },
    );
  }
  if (code === '57014') {
    return new Error(
      'The report took longer than a minute and was stopped. Ask for a shorter period with --since, or run it with psql (docs/history.md)',
      { cause: error },
    );
  }
  if (code === '42501') {
    return new Error(
      'The role of DATABASE_URL may not read the history: it needs the rights of a reader (docs/roles.md)',
      { cause: error },
    );
  }
  return error;
}

function text(tables: readonly ReportTable[]): string {
  return tables.map(tableText).join('\n\n');
}

function tableText({ columns, rows }: ReportTable): string {
  if (rows.length === 0) return 'No rows.';
  // An answer in one sentence, as it is.
  if (columns.length === 1) return rows.map(([only]) => only ?? '').join('\n');
  // Not cut at the edge of the terminal: the last column often says what to do.
  const looks = { ...terminalOf(process.stdout), columns: Number.POSITIVE_INFINITY };
  return table(
    columns.map(({ name }) => name),
    rows.map((row) => row.map((cell) => cell ?? '')),
    looks,
  );
}

/** Rows as objects, with the values that JSON has. */
function valuesIn({ columns, rows }: ReportTable): Record<string, unknown>[] {
  return rows.map((row) =>
    Object.fromEntries(
      columns.map(({ name, type }, at) => [name, jsonValue(row[at] ?? null, type)] as const),
    ),
  );
}

/** The types of pg_catalog.pg_type, whose oids never change. */
const numbers = new Set([20, 21, 23, 700, 701, 1700]);
const boolean = 16;
const timestamptz = 1184;

function jsonValue(value: string | null, type: number): unknown {
  if (value === null) return null;
  if (numbers.has(type))
    return Number.isSafeInteger(Math.trunc(Number(value))) ? Number(value) : value;
  if (type === boolean) return value === 't';
  if (type === timestamptz) return toRfc3339(value);
  return value;
}
