import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ConfigError } from '../config.ts';
import { version } from '../version.ts';
import { doctorCommand } from './doctor.ts';
import { migrateCommand } from './migrate.ts';
import { rolesCommand } from './roles.ts';
import { runCommand } from './run.ts';
import { secretsCommand } from './secrets.ts';

const usage = `Posthorn ${version}: transactional webhooks for Postgres

  posthorn start      worker and API in one process (with an embedded Postgres when DATABASE_URL is unset)
  posthorn worker     only the worker
  posthorn api        only the API
  posthorn migrate    bring the schema up to date and exit
  posthorn roles      make Postgres roles for producers, workers and readers (--prefix NAME, --sql)
  posthorn secrets    with which keys the secrets of endpoints are sealed, and which may be removed (--now seals)
  posthorn doctor     look at the database and say what is wrong and what to do (--json, --strict)

  --help, --version

Settings come from the environment: DATABASE_URL, HOST, PORT, POSTHORN_*; see docs/configuration.md.`;

interface Command {
  /** Beside --help and --version. */
  readonly options?: NonNullable<ParseArgsConfig['options']>;
  /** A number is the exit code; anything else is 0. */
  readonly run: (given: Given) => Promise<unknown>;
}

/** The values of a command's options. */
type Given = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

const commands: Readonly<Record<string, Command>> = {
  start: { run: () => runCommand({ worker: true, api: true }) },
  worker: { run: () => runCommand({ worker: true, api: false }) },
  api: { run: () => runCommand({ worker: false, api: true }) },
  migrate: { run: migrateCommand },
  roles: {
    options: { prefix: { type: 'string' }, sql: { type: 'boolean' } },
    run: ({ prefix = 'posthorn', sql }) =>
      rolesCommand({ prefix: String(prefix), isDryRun: sql === true }),
  },
  secrets: {
    options: { now: { type: 'boolean' } },
    run: ({ now }) => secretsCommand({ isNow: now === true }),
  },
  doctor: {
    options: { json: { type: 'boolean' }, strict: { type: 'boolean' } },
    run: ({ json, strict }) => doctorCommand({ isJson: json === true, isStrict: strict === true }),
  },
};

/** Runs a command line; returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const command = commands[args.find((arg) => !arg.startsWith('-')) ?? ''];
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
        ...command?.options,
      },
    });
    if (values.version === true) return print(version);
    if (values.help === true || positionals.length === 0) return print(usage);
    if (command === undefined || positionals.length > 1) {
      return complain(
        `Cannot run "${positionals.join(' ')}" as it is not a command\n\n${usage}`,
        2,
      );
    }
    const exitCode = await command.run(values);
    return typeof exitCode === 'number' ? exitCode : 0;
  } catch (error) {
    const isUsers = error instanceof ConfigError || isParseError(error);
    const text = error instanceof Error ? error.message : String(error);
    const isExplained = isUsers || text.startsWith('Cannot ');
    return complain(isExplained ? text : `Cannot go on: ${text}`, isUsers ? 2 : 1);
  }
}

function isParseError(error: unknown): boolean {
  return (
    error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE')
  );
}

function print(text: string): number {
  console.log(text);
  return 0;
}

function complain(text: string, exitCode: number): number {
  console.error(text);
  return exitCode;
}
