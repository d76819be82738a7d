import { readConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { openDatabase } from '../db/database.ts';
import { legalPrefix, roleNames } from '../db/rights.ts';
import { type MadeRoles, makeRoles } from '../db/roles.ts';
import { rolesScript } from '../db/roles-script.ts';
import { createLog } from '../log.ts';
import { print } from './terminal.ts';

/** `posthorn roles`: makes the roles and grants them their rights, or prints the SQL for a person who may run it. */
export async function rolesCommand(options: {
  readonly prefix: string;
  readonly isDryRun: boolean;
  readonly isJson: boolean;
}): Promise<void> {
  const { prefix, isDryRun, isJson } = options;
  if (!legalPrefix.test(prefix)) {
    throw new ConfigError(
      `--prefix must be a name of lower-case letters, digits and _ that does not begin with a digit or pg_, at most 53 long: "${prefix}" is not`,
    );
  }
  if (isDryRun) {
    const script = `begin;\n\n${rolesScript(prefix)}\n\ncommit;`;
    print(isJson ? { sql: script } : script);
    return;
  }
  const config = readConfig(process.env);
  // The command prints what it did, so the log is less verbose.
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const database = await openDatabase({ config, log });
  try {
    const made = await makeRoles({ databaseUrl: database.url, log, prefix });
    print(
      isJson
        ? { ...roleNames(prefix), former_owner: made.formerOwner ?? null }
        : summary({ ...made, prefix }),
    );
  } finally {
    await database.close();
  }
}

function summary({ prefix, owner, formerOwner }: MadeRoles & { prefix: string }): string {
  const { producer, worker, reader } = roleNames(prefix);
  const members: readonly (readonly [string, string])[] = [
    [producer, 'an application that sends webhooks'],
    [worker, '"posthorn start", "worker" and "api"'],
    [reader, 'a person who reads the history in psql'],
    [owner, '"posthorn migrate", at each new version'],
  ];
  const lines = [
    'The roles exist and have their rights. They cannot log in: make members of them that can.',
    '',
    ...members.map(
      ([name, who]) => `  create role … login password '…' in role ${name};  -- ${who}`,
    ),
  ];
  if (formerOwner === undefined) return lines.join('\n');
  const { name, isSuperuser } = formerOwner;
  lines.push('', `The schemas belonged to ${name} and now belong to ${owner}.`);
  if (!isSuperuser) {
    lines.push(
      `Processes that run as ${name} continue, because it is a member of ${owner}. Once there are none, run: revoke ${owner} from ${name};`,
    );
  }
  return lines.join('\n');
}
