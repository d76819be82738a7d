import { parseArgs } from 'node:util';
import { ConfigError } from '../config.ts';
import { version } from '../version.ts';
import { migrateCommand } from './migrate.ts';
import { runCommand } from './run.ts';

const usage = `Posthorn ${version}: transactional webhooks for Postgres

  posthorn start      worker and API in one process (with an embedded Postgres when DATABASE_URL is unset)
  posthorn worker     only the worker
  posthorn api        only the API
  posthorn migrate    bring the schema up to date and exit

  --help, --version

Settings come from the environment: DATABASE_URL, HOST, PORT, POSTHORN_*; see docs/configuration.md.`;

const commands: Readonly<Record<string, () => Promise<void>>> = {
  start: () => runCommand({ worker: true, api: true }),
  worker: () => runCommand({ worker: true, api: false }),
  api: () => runCommand({ worker: false, api: true }),
  migrate: migrateCommand,
};

/** Runs a command line; returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
    if (values.version === true) return print(version);
    const command = commands[positionals[0] ?? ''];
    if (values.help === true || positionals.length === 0) return print(usage);
    if (command === undefined || positionals.length > 1) {
      return complain(
        `Cannot run "${positionals.join(' ')}" as it is not a command\n\n${usage}`,
        2,
      );
    }
    await command();
    return 0;
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
