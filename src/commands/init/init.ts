import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { version } from '../../version.ts';
import { choiceOption, type Given, hasOption, textOption } from '../command.ts';
import { print } from '../terminal.ts';
import { type FoundStack, findStack } from './find-stack.ts';
import { planFor } from './plan.ts';
import type { PlannedFile } from './planned-file.ts';
import { openProject } from './project.ts';
import { stackNames } from './stack-names.ts';
import { type Written, writePlanned } from './write-plan.ts';

interface Result {
  readonly file: PlannedFile;
  readonly written: Written;
}

/** `posthorn init`: writes what the application in a folder needs to send its first webhook. */
export async function init(given: Given): Promise<void> {
  const folder = resolve(textOption(given, 'dir') ?? '.');
  const chosen = choiceOption(given, 'stack', stackNames);
  const project = openProject(folder);
  const stack = chosen === undefined ? findStack(project) : { name: chosen, because: '--stack' };
  const now = new Date();
  const moment = {
    stamp: now.toISOString().replaceAll(/\D/g, '').slice(0, 14),
    unixMs: now.getTime(),
    version,
  };
  const key = randomBytes(32).toString('base64');
  const plan = planFor(stack.name, { project, moment, key });
  const isDryRun = hasOption(given, 'dry-run');
  const results: Result[] = [];
  for (const file of plan.files) {
    const isForced = hasOption(given, 'force');
    results.push({ file, written: await writePlanned(file, { folder, isForced, isDryRun }) });
  }
  print(
    hasOption(given, 'json')
      ? {
          stack: stack.name,
          because: stack.because,
          dry_run: isDryRun,
          files: results.map(({ file: { path, what }, written }) => ({ path, what, written })),
          next: plan.next,
        }
      : text({ stack, results, isDryRun, next: plan.next }),
  );
}

const words: Readonly<Record<Written, string>> = {
  created: '',
  overwritten: ' (overwritten)',
  kept: ' (is there already)',
  'not ours': ' (not written: a file that is not of "posthorn init" is there)',
};

function text(options: {
  readonly stack: FoundStack;
  readonly results: readonly Result[];
  readonly isDryRun: boolean;
  readonly next: readonly string[];
}): string {
  const { stack, results, isDryRun, next } = options;
  const width = Math.max(...results.map(({ file }) => file.path.length));
  return [
    `${isDryRun ? 'Would write' : 'Wrote'} for ${stack.name} (${stack.because}):`,
    ...results.map(
      ({ file, written }) => `  ${file.path.padEnd(width)}  ${file.what}${words[written]}`,
    ),
    '',
    'Next:',
    ...next.map((command, at) => `  ${at + 1}. ${command}`),
    '',
    'Without Docker: in place of the first command, set DATABASE_URL, set WEBHOOK_URL to your receiver, and POSTHORN_ALLOW_NETWORKS=127.0.0.1',
    'if it is on this machine. Then run "posthorn migrate", "posthorn roles" and "posthorn start", unless Posthorn runs already.',
  ].join('\n');
}
