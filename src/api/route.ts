import type { Context } from 'hono';
import type { z } from 'zod';
import type { ProblemCode } from '../input/problems.ts';
import type { ApiEnv } from './api-env.ts';
import type { ParameterSet } from './parameters.ts';

/** The subjects of routes, in the order of the documentation. */
export const tags = {
  webhooks: 'Send webhooks, look at them, send them again, cancel them.',
  events: 'Publish events to all endpoints that subscribe to them, and look at them.',
  'event types': 'Describe your events, for people and for programs.',
  replays: 'Send many webhooks again.',
  endpoints: 'Register receivers, hold them, try them, give them new secrets.',
  subscriptions: 'Say which events an endpoint receives.',
  tenants: 'Name the customers of the application.',
  operation: 'How Posthorn is and was.',
} as const;

/** The routes that are answered without a key. */
export const openPaths: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/openapi.json']);

/** An answer of a route that is not a problem. */
export interface RouteAnswer {
  readonly description: string;
  /** The schema of its JSON; null if it has no body, or another type. */
  readonly schema: z.ZodType | null;
  readonly type?: string;
  /** The members that a key without the scope read gets from an action too. {@link toldWithoutRead} has the usual ones. */
  readonly told?: 'all' | readonly string[];
  /** What the headers say that not every answer has. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The body that a route takes. */
export interface RouteBody {
  readonly schema: z.ZodType;
  readonly isOptional: boolean;
  readonly example: unknown;
}

/** Something that the API does: the request, the answers, and the function that does it. */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /**
   * As in OpenAPI, with at most one parameter. {id} is a UUID, and says of what by the first step; any other is a name:
   * text of 1 to 255 bytes.
   */
  readonly path: string;
  /** The operationId. */
  readonly name: string;
  readonly tag: keyof typeof tags;
  readonly summary: string;
  readonly details?: string;
  /** The query parameters; all others are refused. 'any': the query is ignored. */
  readonly parameters?: ParameterSet | 'any';
  /** Request headers that only this route reads. */
  readonly headers?: Readonly<Record<string, z.ZodType>>;
  readonly body?: RouteBody;
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  /** Problems that not every route has. */
  readonly problems: readonly ProblemCode[];
  /** Answers a request. The id is the parameter in the path, or '' if the path has none. */
  readonly handle: (c: Context<ApiEnv>, id: string) => Response | Promise<Response>;
}

/** The kind of thing that the parameter of a path stands for, such as webhook. */
export function kindOf(path: string): string {
  return path.split('/')[1]?.replace(/s$/, '') ?? '';
}

/** The name of the parameter of a path; undefined if the path has none. */
export function parameterOf(path: string): string | undefined {
  return /\{(\w+)\}/.exec(path)?.[1];
}
