import type { Handler, Hono } from 'hono';
import { answerProblem } from './answer-problem.ts';
import type { ApiEnv } from './api-env.ts';
import { methodNotAllowed } from './base.ts';
import { parameterProblem, readParameters } from './parameters.ts';
import { passOverBody } from './request-text.ts';
import { kindOf, parameterOf, type Route } from './route.ts';
import { readId, readName } from './route-input.ts';
import { asTold } from './told.ts';

/** Answers routes, and 405 to other methods at their paths. */
export function addRoutes(app: Hono<ApiEnv>, routes: readonly Route[]): void {
  const paths = Map.groupBy(routes, ({ path }) => path);
  // A path with {id} would take "send" for an id.
  const inOrder = [...paths].toSorted(
    ([one], [other]) => Number(hasParameter(one)) - Number(hasParameter(other)),
  );
  for (const [path, atPath] of inOrder) {
    const pattern = path.replace(/\{(\w+)\}/, ':$1');
    for (const route of atPath) app.on(route.method.toUpperCase(), pattern, handlerOf(route));
    app.all(pattern, methodNotAllowed(atPath.flatMap(namesOf).toSorted(byPlace).join(', ')));
  }
}

function hasParameter(path: string): boolean {
  return parameterOf(path) !== undefined;
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const byPlace = (one: string, other: string) => methods.indexOf(one) - methods.indexOf(other);

function namesOf({ method }: Route): string[] {
  return method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()];
}

function handlerOf(route: Route): Handler<ApiEnv> {
  const { method, path, parameters = {}, body, handle } = route;
  const parameter = parameterOf(path);
  return async (c) => {
    // A route with parameters reads them itself, and refuses strays then.
    if (parameters !== 'any' && Object.keys(parameters).length === 0) {
      const read = readParameters(new URL(c.req.url).searchParams, {});
      if (!read.ok) return answerProblem(c, parameterProblem(read.errors));
    }
    const id =
      parameter === undefined
        ? ''
        : parameter === 'id'
          ? readId(c, kindOf(path))
          : readName(c, { parameter, what: kindOf(path) });
    if (typeof id !== 'string') return answerProblem(c, id);
    const broken = method === 'get' || body !== undefined ? undefined : await passOverBody(c);
    if (broken !== undefined) return answerProblem(c, broken);
    return asTold(c, { response: await handle(c, id), route });
  };
}
