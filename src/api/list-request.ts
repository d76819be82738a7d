import { z } from 'zod';
import type { Problem, ProblemPart } from '../input/problem.ts';
import { readCursor, writeCursor } from './cursor.ts';
import {
  amongWords,
  countUpTo,
  fault,
  type Parameter,
  type ParameterSet,
  type ParameterValues,
  parameterProblem,
  readParameters,
} from './parameters.ts';

const defaultLimit = 50;
const maximumLimit = 200;
const cursorRule = 'the next_cursor of a page with the same filter';

/** The query parameters of a list: of which status, how many, and from where on. */
export interface ListParameters<Status extends string> extends ParameterSet {
  readonly status: Parameter<Status>;
  readonly limit: Parameter<number>;
  readonly cursor: Parameter<string>;
}

export function listParameters<Status extends string>(
  statuses: readonly Status[],
): ListParameters<Status> {
  return {
    status: amongWords(statuses, 'Those of this status alone.'),
    limit: countUpTo(maximumLimit, { usual: defaultLimit, description: 'Of a page.' }),
    cursor: {
      schema: z
        .string()
        .regex(/^[A-Za-z0-9_-]{43}$/)
        .describe('next_cursor of the page before, with the same filter.'),
      mustBe: cursorRule,
      read: (text) => text,
    },
  };
}

/** What a list is asked for, or everything that is wrong with it. */
export type ListRequest<Set extends ParameterSet> =
  | {
      readonly ok: true;
      readonly values: Partial<ParameterValues<Set>>;
      readonly limit: number;
      readonly before: string | undefined;
      /** The cursor of the page that begins there; null after the last one. */
      readonly cursorTo: (before: string | null) => string | null;
    }
  | { readonly ok: false; readonly problem: Problem };

/** Reads the query parameters of a list. A cursor is bound to all the others but the limit. */
export function readListRequest<Set extends ParameterSet>(
  given: URLSearchParams,
  {
    what,
    set,
    key,
    faultsOf,
  }: {
    readonly what: string;
    readonly set: Set;
    readonly key: Uint8Array;
    /** What is wrong with parameters that are right each by itself. */
    readonly faultsOf?: (values: Partial<ParameterValues<Set>>) => readonly ProblemPart[];
  },
): ListRequest<Set> {
  const doing = `list ${what}`;
  const { values, errors: found } = readParameters(given, { set, doing });
  const errors = [...found, ...(faultsOf?.(values) ?? [])];
  const filter = [what, ...filterOf(given, set)].join(' ');
  const cursor = given.get('cursor');
  const before = cursor === null ? undefined : readCursor(cursor, { filter, key });
  if (cursor !== null && before === undefined) {
    errors.push(fault('cursor', { doing, mustBe: cursorRule, value: cursor }));
  }
  const [first] = errors;
  if (first !== undefined) return { ok: false, problem: parameterProblem(first, errors) };
  const limit = Number(given.get('limit') ?? defaultLimit);
  const cursorTo = (next: string | null) =>
    next === null ? null : writeCursor(next, { filter, key });
  return { ok: true, values, limit, before, cursorTo };
}

function filterOf(given: URLSearchParams, set: ParameterSet): string[] {
  return Object.keys(set).flatMap((name) => {
    const value = name === 'limit' || name === 'cursor' ? null : given.get(name);
    return value === null ? [] : [`${name}=${encodeURIComponent(value)}`];
  });
}
