import { randomUUID } from 'node:crypto';
import { Hono, type MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { timeout } from 'hono/timeout';
import { problemOfError } from '../input/database-problem.ts';
import { shown } from '../input/problem.ts';
import { problemKinds } from '../input/problems.ts';
import type { Log } from '../log.ts';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { BodyRoom } from './body-room.ts';
import { securityHeaders } from './security-headers.ts';

/** Longer than a request may take to arrive (30 s) and a statement to run (10 s): only a frozen server takes longer. */
const deadlineMs = 45_000;

/** Creates an app with what all of them share: a request id, headers, a deadline, and problems as the answer to errors. */
export function createBase(log: Log): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  const bodies = new BodyRoom();
  app.use(async (c, next) => {
    c.set('requestId', randomUUID());
    c.set('room', bodies.open());
    await next().finally(() => c.var.room.free());
    c.header('X-Request-Id', c.var.requestId);
    for (const [name, value] of Object.entries(securityHeaders)) {
      if (!c.res.headers.has(name)) c.header(name, value);
    }
  });
  app.use(timeout(deadlineMs));
  app.use(refuseOtherSites);
  app.notFound((c) =>
    answerProblem(c, {
      kind: 'route_not_found',
      detail: 'Unknown path; see /openapi.json',
    }),
  );
  app.onError((error, c) => {
    const problem =
      error instanceof HTTPException && error.status === 504
        ? { kind: 'timeout' as const, detail: 'The database did not answer in time' }
        : problemOfError(error);
    const { status } = problemKinds[problem.kind];
    const fields = {
      requestId: c.var.requestId,
      method: c.req.method,
      path: c.req.path,
      status,
      ...whatIsKnownOf(error),
    };
    if (status === 500) log.error(fields, 'A request failed');
    else if (status > 500) log.warn(fields, 'A request could not be answered');
    return answerProblem(c, problem);
  });
  return app;
}

/**
 * Refuses requests from pages of other sites. Such a page can make a browser POST without asking first, if the request is
 * simple enough. Browsers say where a request comes from; programs say nothing, and are let in.
 */
const refuseOtherSites: MiddlewareHandler<ApiEnv> = async (c, next) => {
  const isSafe = ['GET', 'HEAD', 'OPTIONS'].includes(c.req.method);
  const site = c.req.header('sec-fetch-site');
  const origin = c.req.header('origin');
  // The browser knows better than the host, which a proxy in between may have changed.
  const isOwn =
    site === undefined
      ? origin === undefined || hostOf(origin) === c.req.header('host')
      : site === 'same-origin' || site === 'none';
  if (isSafe || isOwn) return next();
  return answerProblem(c, {
    kind: 'cross_origin',
    detail: `Requests from pages of other sites are refused: this one comes from ${shown(origin ?? site ?? '')}`,
  });
};

function hostOf(origin: string): string | undefined {
  return URL.parse(origin)?.host;
}

/** Answers 405. It is registered for a path after the methods of the path. */
export function methodNotAllowed(allow: string): MiddlewareHandler<ApiEnv> {
  return async (c) =>
    answerProblem(c, {
      kind: 'method_not_allowed',
      detail: `${c.req.method} is not allowed here; use ${allow}`,
      headers: { Allow: allow },
    });
}

/**
 * What the log says about an error: name, code, message and places. Never the values that slonik and pg add, and never
 * "detail", which is the failing row with its secret and body.
 */
function whatIsKnownOf(error: Error): object {
  const cause = error.cause instanceof Error ? error.cause : undefined;
  return {
    error: error.name === 'Error' ? error.constructor.name : error.name,
    message: error.message,
    code: Reflect.get(cause ?? error, 'code'),
    cause: cause?.message,
    stack: placesIn(error.stack ?? ''),
  };
}

/** The first places of a stack, without the message above them. */
function placesIn(stack: string): string {
  const places = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return places.slice(0, 5).join('\n');
}
