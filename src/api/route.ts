import type { Context, Handler, Hono } from 'hono';
import type { z } from 'zod';
import { type ApiEnv, methodNotAllowed } from './base.ts';
import { type ParameterSet, parameterProblem, readParameters } from './parameters.ts';
import { answerProblem } from './problem.ts';
import type { ProblemCode } from './problems.ts';
import { passOverBody } from './request-text.ts';
import { readId } from './route-input.ts';
import { asTold } from './told.ts';

/** What routes are about; the documentation is in this order. */
export const tags = {
  webhooks: 'Send webhooks, look at them, send them again, cancel them.',
  replays: 'Send many webhooks again.',
  endpoints: 'Register receivers, hold them, try them, give them new secrets.',
  operation: 'How Posthorn is and was.',
} as const;

/** The routes that are answered without a key. */
export const openPaths: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/openapi.json']);

/** An answer of a route that is no problem. */
export interface RouteAnswer {
  readonly description: string;
  /** Of its JSON; null: it has no body, or another type. */
  readonly schema: z.ZodType | null;
  readonly type?: string;
  /** Of an action: the members that a key without the scope read is told, too. Those of {@link toldWithoutRead} if not given. */
  readonly told?: 'all' | readonly string[];
  /** Headers beside those of every answer, and what they say. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The body that a route takes. */
export interface RouteBody {
  readonly schema: z.ZodType;
  readonly isOptional: boolean;
  readonly example: unknown;
}

/** Something that the API does: how it is asked for, what it answers, and what does it. */
export interface Route {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** As in OpenAPI; its only parameter is {id}, a UUID of what the first step names. */
  readonly path: string;
  /** The operationId. */
  readonly name: string;
  readonly tag: keyof typeof tags;
  readonly summary: string;
  readonly details?: string;
  /** Of the query; all others are refused. 'any': none is looked at. */
  readonly parameters?: ParameterSet | 'any';
  /** Request headers beside the usual ones. */
  readonly headers?: Readonly<Record<string, z.ZodType>>;
  readonly body?: RouteBody;
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  /** What may be wrong beside what may be wrong everywhere. */
  readonly problems: readonly ProblemCode[];
  /** The id is that of the path, and none where the path has none. */
  readonly handle: (c: Context<ApiEnv>, id: string) => Response | Promise<Response>;
}

/** Answers routes, and 405 to other methods at their paths. */
export function addRoutes(app: Hono<ApiEnv>, routes: readonly Route[]): void {
  const paths = Map.groupBy(routes, ({ path }) => path);
  // {id} would take "send" for one.
  const inOrder = [...paths].toSorted(([one], [other]) => countIds(one) - countIds(other));
  for (const [path, atPath] of inOrder) {
    const pattern = path.replaceAll('{id}', ':id');
    for (const route of atPath) app.on(route.method.toUpperCase(), pattern, handlerOf(route));
    app.all(pattern, methodNotAllowed(atPath.flatMap(namesOf).toSorted(byPlace).join(', ')));
  }
}

function countIds(path: string): number {
  return path.split('{id}').length;
}

const methods = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'];
const byPlace = (one: string, other: string) => methods.indexOf(one) - methods.indexOf(other);

function namesOf({ method }: Route): string[] {
  return method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()];
}

function handlerOf(route: Route): Handler<ApiEnv> {
  const { method, path, parameters = {}, body, handle } = route;
  return async (c) => {
    // Routes with parameters read them themselves, and refuse strays then.
    if (parameters !== 'any' && Object.keys(parameters).length === 0) {
      const { errors } = readParameters(new URL(c.req.url).searchParams, { set: {}, doing: '' });
      const [first] = errors;
      if (first !== undefined) return answerProblem(c, parameterProblem(first, errors));
    }
    const id = path.includes('{id}') ? readId(c, kindOf(path)) : '';
    if (typeof id !== 'string') return answerProblem(c, id);
    const broken = method === 'get' || body !== undefined ? undefined : await passOverBody(c);
    if (broken !== undefined) return answerProblem(c, broken);
    return asTold(c, { response: await handle(c, id), route });
  };
}

/** What the {id} of a path is of: webhook, endpoint or replay. */
export function kindOf(path: string): string {
  return path.split('/')[1]?.replace(/s$/, '') ?? '';
}
