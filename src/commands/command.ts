// Pure: no I/O, no clock, no randomness.

/** An option of a command, given as --name. */
export interface CommandOption {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** May be given more than once. */
  readonly multiple?: boolean;
  /** The placeholder for the value in the help, such as URL. */
  readonly value?: string;
  /** All possible values. */
  readonly among?: readonly string[];
  readonly help: string;
}

/** A positional argument of a command. */
export interface CommandArgument {
  readonly name: string;
  readonly isOptional?: boolean;
  /** It takes this word and all that follow. */
  readonly isRest?: boolean;
  readonly among?: readonly string[];
}

/** A command: the help, the completion and the parser are made from it. */
export interface Command {
  /** One word or two, such as "endpoints list". */
  readonly name: string;
  /** For the list of all commands: no capital, no full stop. */
  readonly summary: string;
  /** More text for its own help: what it does, examples. */
  readonly details?: string;
  readonly arguments?: readonly CommandArgument[];
  readonly options?: Readonly<Record<string, CommandOption>>;
  /** A number is the exit code; anything else is 0. */
  readonly run: (given: Given) => Promise<unknown>;
}

/** The parsed arguments of a command. */
export interface Given {
  readonly options: Readonly<
    Record<string, string | boolean | readonly (string | boolean)[] | undefined>
  >;
  readonly arguments: readonly string[];
}

/** Thrown for a command line that cannot be run: the message says why, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The text of an option; undefined: it is not given. */
export function textOption({ options }: Given, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** All texts of an option that may be given more than once. */
export function textOptions({ options }: Given, name: string): string[] {
  const value = options[name];
  return Array.isArray(value) ? value.map(String) : [];
}

/** Whether an option without a value is given. */
export function hasOption({ options }: Given, name: string): boolean {
  return options[name] === true;
}

/** An option that is a whole number within bounds. */
export function numberOption(
  given: Given,
  name: string,
  { min, max, fallback }: { readonly min: number; readonly max: number; readonly fallback: number },
): number {
  const text = textOption(given, name);
  if (text === undefined) return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`--${name} must be a whole number from ${min} to ${max}: "${text}" is not`);
}

/** An option that is one of a few words. */
export function choiceOption<const Choice extends string>(
  given: Given,
  name: string,
  among: readonly Choice[],
): Choice | undefined {
  const text = textOption(given, name);
  if (text === undefined) return undefined;
  const found = among.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} must be one of ${among.join(', ')}: "${text}" is not`);
}

/** The option --json, for every command that prints something. */
export const jsonOption = {
  json: { type: 'boolean', help: 'print JSON, for programs' },
} as const satisfies Readonly<Record<string, CommandOption>>;
