// Pure: no I/O, no clock, no randomness.

/*
 * Values of the command line. What is wrong throws a TypeError, as `parseArgs` does for an unknown option: the message is
 * shown together with the usage.
 */

export function wholeNumber(
  value: string,
  { option, min = 1 }: { readonly option: string; readonly min?: number },
): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min) return number;
  throw new TypeError(`--${option} must be a whole number from ${min}: "${value}" is not`);
}

/** Undefined when the option is not given. */
export function wholeNumberIfGiven(
  value: string | undefined,
  how: { readonly option: string; readonly min?: number },
): number | undefined {
  return value === undefined ? undefined : wholeNumber(value, how);
}

/** Which of them has this name; of texts, each is its own name. */
export function oneOf<Choice>(
  choices: readonly Choice[],
  {
    option,
    value,
    nameOf = String,
  }: {
    readonly option: string;
    readonly value: string;
    readonly nameOf?: (choice: Choice) => string;
  },
): Choice {
  const found = choices.find((choice) => nameOf(choice) === value);
  if (found !== undefined) return found;
  const names = choices.map(nameOf).join(', ');
  throw new TypeError(`--${option} must be one of ${names}: "${value}" is not`);
}
