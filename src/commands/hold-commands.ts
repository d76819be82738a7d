import { readConfig } from '../config/config.ts';
import { holdText } from '../domain/hold.ts';
import { hold, readHold, resume } from '../queries/hold.ts';
import { type Command, type Given, hasOption, jsonOption, textOption } from './command.ts';
import { withDatabase } from './database.ts';
import { print } from './terminal.ts';

/** `posthorn hold` and `posthorn resume`: stop all sending from this database, and start it again. */
export const holdCommands: readonly Command[] = [
  {
    name: 'hold',
    summary: 'stop all sending from this database, on all workers, until "resume"',
    details:
      'Requests in flight are finished. Webhooks are still accepted, and wait.\n\n  posthorn hold --reason "restored from a backup"',
    options: {
      reason: { type: 'string', value: 'TEXT', help: 'shown to people who find it held' },
      ...jsonOption,
    },
    run: holdCommand,
  },
  {
    name: 'resume',
    summary: 'end every hold: from now on this database sends',
    details:
      'For a copy of a database, one that was moved or restored, and after "hold". Waiting webhooks are then sent:\nto drop them, run "posthorn cancel --all" first. With POSTHORN_ENVIRONMENT the database belongs to that environment.',
    options: jsonOption,
    run: resumeCommand,
  },
];

async function holdCommand(given: Given): Promise<void> {
  const { environment } = readConfig(process.env);
  await withDatabase(async (pool) => {
    await hold(pool, textOption(given, 'reason'));
    const found = await readHold(pool, environment);
    if (hasOption(given, 'json')) return print({ held: found ?? null });
    print(found === undefined ? 'It is not held.' : holdText(found, environment));
  });
}

async function resumeCommand(given: Given): Promise<void> {
  const { environment } = readConfig(process.env);
  await withDatabase(async (pool) => {
    const before = await readHold(pool, environment);
    await resume(pool, environment);
    if (hasOption(given, 'json')) return print({ was_held: before ?? null });
    print(
      before === undefined
        ? 'It was not held: webhooks are sent.'
        : `Webhooks are sent from this database from now on. It was held: ${before.reason}.`,
    );
  });
}
