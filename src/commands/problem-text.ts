import { problemOfError } from '../input/database-problem.ts';
import type { Problem } from '../input/problem.ts';
import type { ProblemCode } from '../input/problems.ts';
import { UsageError } from './command.ts';

/** Ends a command that cannot be done now; the message is all that is printed. */
export function refuse(detail: string): never {
  throw new Error(detail);
}

const brokenRules: ReadonlySet<string> = new Set<ProblemCode>([
  'invalid_webhook',
  'invalid_endpoint',
  'invalid_event_type',
  'invalid_subscription',
  'invalid_catch_up',
  'invalid_tenant',
]);

/** Ends a command because of its command line. */
export function refuseUsage(problem: Pick<Problem, 'detail' | 'errors'>): never {
  const details = problem.errors?.map((error) => error.detail) ?? [problem.detail];
  throw new UsageError(details.join('\n'));
}

/**
 * The message of an error for people. A rule of Postgres' CHECKs is worded as the API words it. `isUsageError`: a value on the
 * command line is at fault.
 */
export function explain(error: unknown): { readonly text: string; readonly isUsageError: boolean } {
  const { kind, detail } = problemOfError(error);
  if (brokenRules.has(kind)) {
    return { text: detail, isUsageError: true };
  }
  const text = error instanceof Error ? error.message : String(error);
  // Our own messages are sentences; those of Postgres and Node begin in lower case.
  return { text: /^[a-z]/.test(text) ? `The command failed: ${text}` : text, isUsageError: false };
}
