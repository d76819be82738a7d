import { z } from 'zod';
import { endsTooSoon } from '../input/fields.ts';
import type { Problem, ProblemPart } from '../input/problem.ts';
import { readCursor, writeCursor } from './cursor.ts';
import {
  amongWords,
  countUpTo,
  fault,
  type ParameterSet,
  type ParameterValues,
  parameterProblem,
  readParameters,
} from './parameters.ts';

const cursorRule = 'the next_cursor of a page with the same filter';

/** The query parameters of a list: how many, and where to begin. */
export function pageParameters() {
  return {
    limit: countUpTo(200, { usual: 50, description: 'Of a page.' }),
    cursor: z
      .string(cursorRule)
      .regex(/^[A-Za-z0-9_-]{43}$/, cursorRule)
      .optional()
      .describe('next_cursor of the page before, with the same filter.'),
  };
}

/** The same, and which status. */
export function listParameters<const Status extends string>(statuses: readonly Status[]) {
  return { status: amongWords(statuses, 'Those of this status alone.'), ...pageParameters() };
}

type PageParameters = ReturnType<typeof pageParameters>;

/** What a list is asked for, or everything that is wrong with it. */
export type ListRequest<Set extends ParameterSet> =
  | {
      readonly ok: true;
      readonly values: ParameterValues<Set>;
      readonly limit: number;
      readonly before: string | undefined;
      /** The cursor of the page that begins there; null after the last one. */
      readonly cursorTo: (before: string | null) => string | null;
    }
  | { readonly ok: false; readonly problem: Problem };

/** Reads the query parameters of a list. A cursor is bound to all the others but the limit. */
export function readListRequest<Set extends PageParameters & ParameterSet>(
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
    /** Faults of parameters that are right each by itself. */
    readonly faultsOf?: (values: ParameterValues<Set>) => readonly ProblemPart[];
  },
): ListRequest<Set> {
  const read = readParameters(given, set);
  if (!read.ok) return { ok: false, problem: parameterProblem(read.errors) };
  const { values } = read;
  const { limit, cursor } = values;
  const filter = [what, ...filterOf(given, set)].join(' ');
  const before = cursor === undefined ? undefined : readCursor(cursor, { filter, key });
  const errors = [
    ...(faultsOf?.(values) ?? []),
    ...(cursor !== undefined && before === undefined
      ? [fault('cursor', { mustBe: cursorRule, value: cursor })]
      : []),
  ];
  if (errors.length > 0) return { ok: false, problem: parameterProblem(errors) };
  const cursorTo = (next: string | null) =>
    next === null ? null : writeCursor(next, { filter, key });
  return { ok: true, values, limit, before, cursorTo };
}

/** A period that is empty. */
export function periodFaults({
  from,
  until,
}: {
  readonly from?: string | undefined;
  readonly until?: string | undefined;
}): ProblemPart[] {
  if (until === undefined || !endsTooSoon({ from, until })) return [];
  return [fault('until', { mustBe: 'later than from', value: until })];
}

function filterOf(given: URLSearchParams, set: ParameterSet): string[] {
  return Object.keys(set).flatMap((name) => {
    const value = name === 'limit' || name === 'cursor' ? null : given.get(name);
    return value === null ? [] : [`${name}=${encodeURIComponent(value)}`];
  });
}
