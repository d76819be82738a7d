// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { timeIn } from '../domain/time-text.ts';
import { isCanonicalUuid } from '../input/canonical-uuid.ts';
import { idSchema, timeSchema } from '../input/fields.ts';
import { type Problem, type ProblemPart, shown } from '../input/problem.ts';

/** A query parameter. */
export interface Parameter<Value> {
  /** What it must be, for the documentation. */
  readonly schema: z.ZodType;
  /** The same in words, for whoever gave another value. */
  readonly mustBe: string;
  /** Its value; undefined when it is not what it must be. */
  readonly read: (text: string) => Value | undefined;
  readonly isRequired?: boolean;
}

export type ParameterSet = Readonly<Record<string, Parameter<unknown>>>;

/** What was given, by name. */
export type ParameterValues<Set extends ParameterSet> = {
  readonly [Name in keyof Set]: Set[Name] extends Parameter<infer Value>
    ? Value | undefined
    : never;
};

/** Reads query parameters, and says all that is wrong with them. */
export function readParameters<Set extends ParameterSet>(
  given: URLSearchParams,
  { set, doing }: { readonly set: Set; readonly doing: string },
): { readonly values: Partial<ParameterValues<Set>>; readonly errors: readonly ProblemPart[] } {
  const errors = strayParameters(given, Object.keys(set));
  const values: Record<string, unknown> = {};
  for (const [name, { read, mustBe, isRequired }] of Object.entries(set)) {
    const text = given.get(name) ?? (isRequired ? '' : null);
    if (text === null) continue;
    values[name] = read(text);
    if (values[name] === undefined) errors.push(fault(name, { doing, mustBe, value: text }));
  }
  return { values: values as Partial<ParameterValues<Set>>, errors };
}

/** What is wrong with query parameters: as a whole it has the words of the first. */
export function parameterProblem(
  { code, detail }: ProblemPart,
  errors: readonly ProblemPart[],
): Problem {
  return { kind: 'invalid_parameter', code, detail, errors: errors.slice(0, 20) };
}

/** Parameters that are unknown, or there twice. Both are mistakes that would else go unnoticed. */
function strayParameters(parameters: URLSearchParams, known: readonly string[]): ProblemPart[] {
  const errors: ProblemPart[] = [];
  for (const name of new Set(parameters.keys())) {
    const parameter = name.slice(0, 100);
    if (!known.includes(name)) {
      const expected = known.length === 0 ? 'none' : `among ${known.join(', ')}`;
      const detail = `Cannot answer as the query parameters must be ${expected}: ${shown(name)} is there`;
      errors.push({ parameter, code: 'unknown_parameter', detail });
    } else if (parameters.getAll(name).length > 1) {
      const detail = `Cannot answer as ${name} must be given once: it is there more often`;
      errors.push({ parameter, code: 'repeated_parameter', detail });
    }
  }
  return errors;
}

/** What is said of a parameter that is not what it must be. */
export function fault(
  parameter: string,
  {
    doing,
    mustBe,
    value,
  }: { readonly doing: string; readonly mustBe: string; readonly value: string },
): ProblemPart {
  return {
    parameter,
    code: `invalid_${parameter}`,
    detail: `Cannot ${doing} as ${parameter} must be ${mustBe}: current value is ${shown(value)}`,
  };
}

/** One of some words. */
export function amongWords<Word extends string>(
  words: readonly Word[],
  description: string,
): Parameter<Word> {
  return {
    schema: z.enum(words).describe(description),
    mustBe: `one of ${words.join(', ')}`,
    read: (text) => words.find((word) => word === text),
  };
}

/** A whole number from 1 on. */
export function countUpTo(
  most: number,
  { usual, description }: { readonly usual: number; readonly description: string },
): Parameter<number> {
  return {
    schema: z.int().min(1).max(most).default(usual).describe(description),
    mustBe: `a whole number from 1 to ${most}`,
    read: (text) =>
      /^[1-9]\d{0,8}$/.test(text) && Number(text) <= most ? Number(text) : undefined,
  };
}

/** A UUID. */
export function uuid(description: string): Parameter<string> {
  return {
    schema: idSchema.describe(description),
    mustBe: 'a UUID in lower case with dashes',
    read: (text) => (isCanonicalUuid(text) ? text : undefined),
  };
}

/** A time with a zone, as it is in UTC. */
export function timeParameter(description: string): Parameter<string> {
  return {
    schema: timeSchema.describe(description),
    mustBe: 'an RFC 3339 time with a zone',
    read: timeIn,
  };
}

const mostText = 200;

/** What is looked for in texts. */
export function searchText(description: string): Parameter<string> {
  return {
    schema: z.string().min(1).max(mostText).describe(description),
    mustBe: `text of 1 to ${mostText} characters`,
    read: (text) =>
      text.length > 0 && text.length <= mostText && !text.includes('\0') ? text : undefined,
  };
}
