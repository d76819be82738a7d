import type { Context } from 'hono';
import { type Problem, problemJson } from '../input/problem.ts';
import { problemKinds } from '../input/problems.ts';
import type { ApiEnv } from './api-env.ts';

/** Answers with a problem (RFC 9457). */
export function answerProblem(c: Context<ApiEnv>, problem: Problem): Response {
  return c.body(problemJson(problem, c.var.requestId), problemKinds[problem.kind].status, {
    ...problem.headers,
    'content-type': 'application/problem+json',
  });
}
