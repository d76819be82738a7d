import { readCursor, writeCursor } from './cursor.ts';
import { type Problem, type ProblemPart, shown } from './problem.ts';

/** What a list is asked for, or everything that is wrong with it. */
export type ListRequest<Status extends string> =
  | {
      readonly ok: true;
      readonly status: Status | undefined;
      readonly limit: number;
      readonly before: string | undefined;
      /** The cursor of the page that begins there; null after the last one. */
      readonly cursorTo: (before: string | null) => string | null;
    }
  | { readonly ok: false; readonly problem: Problem };

const defaultLimit = 50;
const maximumLimit = 200;

/** Reads the query parameters of a list: status, limit and cursor. */
export function readListRequest<Status extends string>(
  parameters: URLSearchParams,
  {
    what,
    statuses,
    cursorKey,
    others = [],
  }: {
    readonly what: 'webhooks' | 'endpoints' | 'replays';
    readonly statuses: readonly Status[];
    readonly cursorKey: Uint8Array;
    /** Parameters that the caller reads, to which a cursor is bound as well. */
    readonly others?: readonly string[];
  },
): ListRequest<Status> {
  const errors = strayParameters(parameters, ['status', 'limit', 'cursor', ...others]);
  const givenStatus = parameters.get('status');
  const status = statuses.find((candidate) => candidate === givenStatus);
  if (givenStatus !== null && status === undefined) {
    errors.push(
      fault('status', { what, mustBe: `one of ${statuses.join(', ')}`, value: givenStatus }),
    );
  }
  const givenLimit = parameters.get('limit') ?? String(defaultLimit);
  const limit = /^[1-9]\d{0,2}$/.test(givenLimit) ? Number(givenLimit) : Number.NaN;
  if (!(limit <= maximumLimit)) {
    errors.push(
      fault('limit', {
        what,
        mustBe: `a whole number from 1 to ${maximumLimit}`,
        value: givenLimit,
      }),
    );
  }
  const cursor = parameters.get('cursor');
  // What a cursor is bound to.
  const given = others.flatMap((name) => {
    const value = parameters.get(name);
    return value === null ? [] : [`&${name}=${encodeURIComponent(value)}`];
  });
  const filter = `${what} status=${status ?? ''}${given.join('')}`;
  const before = cursor === null ? undefined : readCursor(cursor, { filter, key: cursorKey });
  if (cursor !== null && before === undefined) {
    errors.push(
      fault('cursor', {
        what,
        mustBe: `the next_cursor of a page with the same ${others.length === 0 ? 'status' : 'filter'}`,
        value: cursor,
      }),
    );
  }
  const [first] = errors;
  if (first === undefined) {
    const cursorTo = (next: string | null) =>
      next === null ? null : writeCursor(next, { filter, key: cursorKey });
    return { ok: true, status, limit, before, cursorTo };
  }
  return { ok: false, problem: parameterProblem(first, errors) };
}

/** What is wrong with query parameters: as a whole it has the words of the first; 20 are told. */
export function parameterProblem(
  { code, detail }: ProblemPart,
  errors: readonly ProblemPart[],
): Problem {
  return { kind: 'invalid_parameter', code, detail, errors: errors.slice(0, 20) };
}

/** Parameters that are unknown, or there twice. Both are mistakes that would else go unnoticed. */
export function strayParameters(
  parameters: URLSearchParams,
  known: readonly string[],
): ProblemPart[] {
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

export function fault(
  parameter: string,
  {
    what,
    mustBe,
    value,
  }: { readonly what: string; readonly mustBe: string; readonly value: string },
): ProblemPart {
  return {
    parameter,
    code: `invalid_${parameter}`,
    detail: `Cannot list ${what} as ${parameter} must be ${mustBe}: current value is ${shown(value)}`,
  };
}
