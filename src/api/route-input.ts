import type { Context } from 'hono';
import { readJsonObject } from '../domain/json-text.ts';
import { isCanonicalUuid } from '../input/canonical-uuid.ts';
import { notAnObject, type Problem, shown } from '../input/problem.ts';
import type { ApiEnv } from './api-env.ts';
import { readRequestText } from './request-text.ts';

/** The id in the path, or what is wrong with it. */
export function readId(c: Context<ApiEnv>, what: string): string | Problem {
  const id = c.req.param('id') ?? '';
  if (isCanonicalUuid(id)) return id;
  const detail = `Cannot look for the ${what} as its id must be a UUID in lower case with dashes: current value is ${shown(id)}`;
  return { kind: 'invalid_id', detail };
}

/** The members of the JSON object in the body, or what is wrong with it. Without a body, none if it is optional. */
export async function readMembers(
  c: Context<ApiEnv>,
  { maximumBytes, isOptional }: { readonly maximumBytes: number; readonly isOptional: boolean },
): Promise<ReadonlyMap<string, string> | Problem> {
  const hasBody =
    Number(c.req.header('content-length') ?? 0) > 0 ||
    c.req.header('transfer-encoding') !== undefined;
  if (isOptional && !hasBody) return new Map();
  const read = await readRequestText(c, maximumBytes);
  if ('problem' in read) return read.problem;
  const object = readJsonObject(read.text);
  return object.ok ? object.members : notAnObject(object);
}
