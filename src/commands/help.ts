// Pure: no I/O, no clock, no randomness.

import type { Command, CommandOption } from './command.ts';

/** The exit codes, as the help explains them. */
export const exitCodes = [
  [0, 'done'],
  [1, 'failed: the message says why, and what to do'],
  [2, 'the command line or a setting cannot be used'],
] as const;

/** The help for all commands. */
export function overview(commands: readonly Command[], version: string): string {
  return [
    `Posthorn ${version}: transactional webhooks for Postgres`,
    '',
    ...listOf(commands),
    '',
    '  posthorn COMMAND --help   says more about a command',
    '  --help, --version',
    '',
    'Settings come from the environment: DATABASE_URL, HOST, PORT, POSTHORN_*; see docs/configuration.md. Commands that read or',
    'change something use the database of DATABASE_URL, or the embedded one of a Posthorn that runs here.',
    '',
    ...exitCodeLines(),
  ].join('\n');
}

/** One line per command. */
export function listOf(commands: readonly Command[]): string[] {
  const width = Math.max(...commands.map((command) => synopsis(command).length));
  return commands.map(
    (command) => `  posthorn ${synopsis(command).padEnd(width)}  ${command.summary}`,
  );
}

/** The words that a command line can begin with. */
export function firstWords(commands: readonly Command[]): string[] {
  return [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? name))];
}

/** The help for one command. */
export function helpOf(command: Command): string {
  const options = Object.entries({ ...command.options, help });
  const flags = options.map(([name, option]) => flagOf(name, option));
  const width = Math.max(...flags.map((flag) => flag.length));
  return [
    `posthorn ${synopsis(command)}${Object.keys(command.options ?? {}).length > 0 ? ' [options]' : ''}`,
    '',
    `${command.summary.slice(0, 1).toUpperCase()}${command.summary.slice(1)}.`,
    ...(command.details === undefined ? [] : ['', command.details]),
    '',
    ...options.map(([, option], at) => {
      const choices = option.among === undefined ? '' : `: ${option.among.join(', ')}`;
      return `  ${(flags[at] ?? '').padEnd(width)}  ${option.help}${choices}`;
    }),
    '',
    ...exitCodeLines(),
  ].join('\n');
}

const help: CommandOption = { type: 'boolean', short: 'h', help: 'show this' };

/** The name of a command and its arguments. */
function synopsis(command: Command): string {
  const rest = (command.arguments ?? []).map(({ name, isOptional, isRest, among }) => {
    const word = among === undefined ? name.toUpperCase() : among.join('|');
    const shown = isRest === true ? `${word} …` : word;
    return isOptional === true ? `[${shown}]` : shown;
  });
  return [command.name, ...rest].join(' ');
}

function flagOf(name: string, { short, value, type }: CommandOption): string {
  const long = type === 'string' ? `--${name} ${value ?? 'TEXT'}` : `--${name}`;
  return short === undefined ? long : `-${short}, ${long}`;
}

function exitCodeLines(): string[] {
  return ['Exit codes:', ...exitCodes.map(([code, meaning]) => `  ${code}  ${meaning}`)];
}
