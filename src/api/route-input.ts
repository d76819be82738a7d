import type { Context } from 'hono';
import type { z } from 'zod';
import { isCanonicalUuid } from '../domain/uuid.ts';
import { isName, maxNameBytes } from '../input/fields.ts';
import { invalid, type Problem, shown } from '../input/problem.ts';
import type { ProblemCode } from '../input/problems.ts';
import { type Request, readFields, readValues, type Values } from '../input/read-fields.ts';
import type { ApiEnv } from './api-env.ts';
import { readRequestText } from './request-text.ts';

/** The id in the path, or what is wrong with it. */
export function readId(c: Context<ApiEnv>, what: string): string | Problem {
  const id = c.req.param('id') ?? '';
  if (isCanonicalUuid(id)) return id;
  const detail = `The id of the ${what} must be a UUID in lower case with dashes: "${shown(id)}" is not`;
  return { kind: 'invalid_id', detail };
}

/** The name in the path, or what is wrong with it. */
export function readName(
  c: Context<ApiEnv>,
  { parameter, what }: { readonly parameter: string; readonly what: string },
): string | Problem {
  const name = c.req.param(parameter) ?? '';
  if (isName(name) && isDecodable(new URL(c.req.url).pathname)) return name;
  const detail = `The name of the ${what} must be 1 to ${maxNameBytes} bytes of UTF-8 without control characters, percent-encoded: "${shown(name)}" is not`;
  return { kind: 'invalid_id', detail };
}

/** A step that is not UTF-8 stays encoded, and would be the name of another thing. */
function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** The fields in the body of a request, or what is wrong with it. */
export type RequestValues =
  | { readonly ok: true; readonly values: Values }
  | { readonly ok: false; readonly problem: Problem };

/** Reads the fields in the body of a request. An optional body that is not there has none. */
export async function readRequestValues(
  c: Context<ApiEnv>,
  { maxBytes, isOptional }: { readonly maxBytes: number; readonly isOptional: boolean },
): Promise<RequestValues> {
  const hasBody =
    Number(c.req.header('content-length') ?? 0) > 0 ||
    c.req.header('transfer-encoding') !== undefined;
  if (isOptional && !hasBody) return { ok: true, values: {} };
  const read = await readRequestText(c, maxBytes);
  return 'problem' in read ? { ok: false, problem: read.problem } : readValues(read.text);
}

/** Reads the body of a request as these fields. */
export async function readRequest<Schema extends z.ZodObject>(
  c: Context<ApiEnv>,
  request: Request<Schema>,
  {
    kind,
    ...options
  }: {
    /** The problem of wrong fields. */
    readonly kind: ProblemCode;
    readonly maxBytes: number;
    readonly isOptional: boolean;
  },
): Promise<
  | { readonly ok: true; readonly fields: z.output<Schema> }
  | { readonly ok: false; readonly problem: Problem }
> {
  const given = await readRequestValues(c, options);
  if (!given.ok) return given;
  const read = readFields(given.values, request);
  return read.ok ? read : { ok: false, problem: invalid(kind, read.errors) };
}
