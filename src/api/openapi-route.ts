import { z } from 'zod';
import { version } from '../version.ts';
import { answerFixed } from './fixed-answer.ts';
import { openApiOf } from './openapi.ts';
import type { Route } from './route.ts';

/** GET /openapi.json: a description of the other routes, and of itself. */
export function openApiRoute(others: readonly Route[]): Route {
  let bytes: Buffer | undefined;
  const route: Route = {
    method: 'get',
    path: '/openapi.json',
    name: 'showOpenApi',
    tag: 'operation',
    summary: 'This document',
    answers: {
      200: { description: 'OpenAPI 3.1.', schema: z.looseObject({ openapi: z.literal('3.1.0') }) },
    },
    problems: [],
    handle: (c) => {
      bytes ??= Buffer.from(JSON.stringify(openApiOf([...others, route], { version })));
      return answerFixed(c, { bytes, headers: { 'Content-Type': 'application/json' } });
    },
  };
  return route;
}
