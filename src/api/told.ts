import type { Context } from 'hono';
import { z } from 'zod';
import type { ApiEnv } from './api-env.ts';
import type { Route, RouteAnswer } from './route.ts';

/*
 * What a key is told that may do something and may not read: what it did it to, and what it must know to go on. Everything else that an
 * answer holds would be there for a key with the scope read to look at.
 */

const toldOfAll: readonly string[] = ['id', 'status'];

/** What is left of an answer for such a key; undefined: all of it. */
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

/** The answer of a route as the key of the request may have it. */
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
