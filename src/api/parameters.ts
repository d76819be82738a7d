// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { id, isName, maxNameBytes, oneOf, time } from '../input/fields.ts';
import { type Problem, type ProblemPart, shown } from '../input/problem.ts';

/** Query parameters by name. A schema reads the text of one; its error text is the rule in words, which follow "must be". */
export type ParameterSet = Readonly<Record<string, z.ZodType>>;

/** What was given, by name. */
export type ParameterValues<Set extends ParameterSet> = {
  readonly [Name in keyof Set]: z.output<Set[Name]>;
};

/** The values of query parameters, or everything that is wrong with them. */
export type ReadParameters<Set extends ParameterSet> =
  | { readonly ok: true; readonly values: ParameterValues<Set> }
  | { readonly ok: false; readonly errors: readonly ProblemPart[] };

/** Reads query parameters. */
export function readParameters<Set extends ParameterSet>(
  given: URLSearchParams,
  set: Set,
): ReadParameters<Set> {
  const errors = strayParameters(given, Object.keys(set));
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(set)) {
    const value = given.get(name) ?? undefined;
    const read = schema.safeParse(value);
    values[name] = read.data;
    const [issue] = read.error?.issues ?? [];
    if (issue !== undefined) errors.push(fault(name, { mustBe: issue.message, value }));
  }
  return errors.length === 0
    ? { ok: true, values: values as ParameterValues<Set> }
    : { ok: false, errors };
}

/** The problem of wrong query parameters. It has the words of the first. */
export function parameterProblem(errors: readonly ProblemPart[]): Problem {
  const [{ code, detail } = { code: 'invalid_parameter', detail: '' }] = errors;
  return { kind: 'invalid_parameter', code, detail, errors: errors.slice(0, 20) };
}

/** Parameters that are unknown, or there twice. Both are mistakes that would go unnoticed. */
function strayParameters(parameters: URLSearchParams, known: readonly string[]): ProblemPart[] {
  const errors: ProblemPart[] = [];
  for (const name of new Set(parameters.keys())) {
    const parameter = name.slice(0, 100);
    if (!known.includes(name)) {
      const rule =
        known.length === 0 ? 'none are taken here' : `the parameters are ${known.join(', ')}`;
      const detail = `Unknown query parameter ${shown(name)}: ${rule}`;
      errors.push({ parameter, code: 'unknown_parameter', detail });
    } else if (parameters.getAll(name).length > 1) {
      const detail = `${name} is there more than once: give it once`;
      errors.push({ parameter, code: 'repeated_parameter', detail });
    }
  }
  return errors;
}

/** A parameter that breaks its rule. */
export function fault(
  parameter: string,
  { mustBe, value }: { readonly mustBe: string; readonly value: string | undefined },
): ProblemPart {
  const found = value === undefined ? 'it is missing' : `"${shown(value)}" is not`;
  const detail = `${parameter} must be ${mustBe}: ${found}`;
  return { parameter, code: `invalid_${parameter}`, detail };
}

/** One of some words. */
export function amongWords<const Word extends string>(words: readonly Word[], description: string) {
  return oneOf(words).optional().describe(description);
}

/** A whole number from 1 on. */
export function countUpTo(
  max: number,
  { usual, description }: { readonly usual: number; readonly description: string },
) {
  const rule = `a whole number from 1 to ${max}`;
  const count = z.int(rule).min(1, rule).max(max, rule).default(usual);
  const digits = /^[1-9]\d{0,8}$/;
  return z
    .preprocess((text) => (digits.test(String(text)) ? Number(text) : text), count)
    .describe(description);
}

export function uuid(description: string) {
  return id('a UUID in lower case with dashes').optional().describe(description);
}

/** A time with a zone. The value is in UTC. */
export function timeParameter(description: string) {
  return time('an RFC 3339 time with a zone').optional().describe(description);
}

/** The name of something that people name, such as a tenant; it may be empty. */
export function nameParameter(description: string) {
  const rule = `a text of at most ${maxNameBytes} bytes without control characters`;
  return z
    .string(rule)
    .refine((given) => given === '' || isName(given), rule)
    .meta({ maxLength: maxNameBytes })
    .optional()
    .describe(description);
}

const maxSearchLength = 200;

/** Text to look for. */
export function searchText(description: string) {
  const rule = `text of 1 to ${maxSearchLength} characters`;
  return z
    .string(rule)
    .min(1, rule)
    .max(maxSearchLength, rule)
    .refine((text) => !text.includes('\0'), rule)
    .optional()
    .describe(description);
}
