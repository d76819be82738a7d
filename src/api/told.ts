import type { Context } from 'hono';
import { z } from 'zod';
import type { ApiEnv } from './api-env.ts';
import type { Route, RouteAnswer } from './route.ts';

/*
 * A key without the scope read is told only what it needs to go on after an action, such as the id. The rest of an answer is
 * for keys that may read it.
 */

const toldOfAll: readonly string[] = ['id', 'status'];

/** The part of an answer for a key without the scope read; undefined if it is all of it. */
export function toldWithoutRead({ schema, told = toldOfAll }: RouteAnswer): z.ZodType | undefined {
  if (told === 'all' || !(schema instanceof z.ZodObject)) return undefined;
  const members = Object.entries<z.ZodType>(schema.shape);
  const left = members.filter(([name]) => told.includes(name));
  if (left.length === members.length) return undefined;
  return z.object(Object.fromEntries(left)).meta({
    id: `${schema.meta()?.id ?? 'Answer'}WithoutRead`,
    description: 'For a key without the scope read.',
  });
}

/** Reduces the answer of a route to the part that the key of the request may read. */
export async function asTold(
  c: Context<ApiEnv>,
  { response, route }: { readonly response: Response; readonly route: Route },
): Promise<Response> {
  if (route.method === 'get' || c.var.scopes.includes('read')) return response;
  const answer = route.answers[response.status];
  if (answer === undefined || answer.schema === null || answer.told === 'all') return response;
  const { told = toldOfAll } = answer;
  const whole: unknown = await response.json();
  const members = Object.entries(Object(whole)).filter(([name]) => told.includes(name));
  return new Response(JSON.stringify(Object.fromEntries(members)), {
    status: response.status,
    headers: response.headers,
  });
}
