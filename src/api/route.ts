import type { Context } from 'hono';
import type { z } from 'zod';
import type { ProblemCode } from '../input/problems.ts';
import type { ApiEnv } from './api-env.ts';
import type { ParameterSet } from './parameters.ts';

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

/** What the {id} of a path is of: webhook, endpoint or replay. */
export function kindOf(path: string): string {
  return path.split('/')[1]?.replace(/s$/, '') ?? '';
}
