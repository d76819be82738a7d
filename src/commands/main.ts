import { parseArgs } from 'node:util';
import { ConfigError } from '../config/config-error.ts';
import { nearest } from '../domain/nearest.ts';
import { version } from '../version.ts';
import { type Command, type Given, UsageError } from './command.ts';
import { commands } from './commands.ts';
import { firstWords, helpOf, listOf, overview } from './help.ts';
import { explain } from './problem-text.ts';
import { endWithReader, print } from './terminal.ts';

/** Runs a command line; returns its exit code (see help.ts). */
export async function main(args: readonly string[]): Promise<number> {
  endWithReader();
  try {
    const words = args.filter((arg) => !arg.startsWith('-'));
    const command = findCommand(words);
    if (command === undefined) return withoutCommand(args, words);
    const given = parse(command, args);
    if (given === 'help') return done(helpOf(command));
    const exitCode = await command.run(given);
    return typeof exitCode === 'number' ? exitCode : 0;
  } catch (error) {
    if (error instanceof ConfigError || error instanceof UsageError || isParseError(error)) {
      return complain(error.message, true);
    }
    const { text, isUsageError } = explain(error);
    return complain(text, isUsageError);
  }
}

/** Finds a command by its first two words, or by its first. */
function findCommand([first = '', second = '']: readonly string[]): Command | undefined {
  return (
    commands.find(({ name }) => name === `${first} ${second}`) ??
    commands.find(({ name }) => name === first)
  );
}

function withoutCommand(args: readonly string[], words: readonly string[]): number {
  const [first] = words;
  if (first === undefined) {
    const { values } = parseArgs({ args: [...args], options: standing });
    return done(values.version === true ? version : overview(commands, version));
  }
  const group = commands.filter(({ name }) => name.startsWith(`${first} `));
  if (group.length > 0 && (words.length === 1 || args.includes('--help'))) {
    return done(listOf(group).join('\n'));
  }
  const names = group.length > 0 ? group.map(({ name }) => name) : firstWords(commands);
  const known = names.join(', ');
  const given = words.slice(0, group.length > 0 ? 2 : 1);
  const near = nearest(
    given.at(-1) ?? '',
    names.map((name) => name.split(' ').at(-1) ?? ''),
  );
  return complain(`Unknown command "${given.join(' ')}".${guess(near)}\nCommands: ${known}`, true);
}

const standing = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

function parse(command: Command, args: readonly string[]): Given | 'help' {
  const options = { ...standing, ...command.options };
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options,
    strict: false,
    tokens: true,
  });
  checkOptions(command, { options, tokens });
  if (values.help === true) return 'help';
  const rest = positionals.slice(command.name.split(' ').length);
  const places = command.arguments ?? [];
  const most = places.some(({ isRest }) => isRest === true) ? rest.length : places.length;
  if (rest.length > most) {
    throw new UsageError(
      `Unexpected "${rest[most]}" after "${command.name}". See: posthorn ${command.name} --help`,
    );
  }
  for (const [at, { name, isOptional, among }] of places.entries()) {
    const word = rest[at];
    if (word === undefined && isOptional !== true) {
      throw new UsageError(
        `The command "${command.name}" needs ${name.toUpperCase()}. See: posthorn ${command.name} --help`,
      );
    }
    if (word !== undefined && among !== undefined && !among.includes(word)) {
      throw new UsageError(
        `The ${name.toUpperCase()} of "${command.name}" must be one of ${among.join(', ')}: "${word}" is not`,
      );
    }
  }
  return { options: values, arguments: rest };
}

/** Refuses options that are unknown, repeated, or without their value. */
function checkOptions(
  command: Command,
  {
    options,
    tokens,
  }: {
    readonly options: Readonly<
      Record<string, { readonly type: string; readonly multiple?: boolean }>
    >;
    readonly tokens: NonNullable<ReturnType<typeof parseArgs>['tokens']>;
  },
): void {
  const seen = new Set<string>();
  const hint = `See: posthorn ${command.name} --help`;
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option === undefined) {
      const near = nearest(name, Object.keys(options));
      throw new UsageError(
        `Unknown option ${rawName} of "${command.name}".${guess(near === undefined ? near : `--${near}`)} ${hint}`,
      );
    }
    if ((option.type === 'string') !== (value !== undefined)) {
      const fault = option.type === 'string' ? 'needs a value' : 'takes no value';
      throw new UsageError(`The option --${name} of "${command.name}" ${fault}. ${hint}`);
    }
    if (seen.has(name) && option.multiple !== true && option.type === 'string') {
      throw new UsageError(`The option --${name} of "${command.name}" may be given once. ${hint}`);
    }
    seen.add(name);
  }
}

/** A second sentence with a suggestion, if a known word is near enough. */
function guess(near: string | undefined): string {
  return near === undefined ? '' : ` Did you mean "${near}"?`;
}

function isParseError(error: unknown): error is TypeError {
  return (
    error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE')
  );
}

function done(text: string): number {
  print(text);
  return 0;
}

function complain(text: string, isUsageError: boolean): number {
  console.error(text);
  return isUsageError ? 2 : 1;
}
