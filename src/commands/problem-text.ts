import { problemOfError } from '../input/database-problem.ts';
import type { Problem } from '../input/problem.ts';
import { UsageError } from './command.ts';

/** Ends a command that cannot be done as things are: the message is all there is to say. */
export function refuse(detail: string): never {
  throw new Error(detail);
}

/** Ends a command whose command line is at fault. */
export function refuseUsage(problem: Pick<Problem, 'detail' | 'errors'>): never {
  const details = problem.errors?.map((error) => error.detail) ?? [problem.detail];
  throw new UsageError(details.join('\n'));
}

/**
 * What an error says to people: what Postgres' CHECKs refuse as the API says it. `isUsers`: a value on the command line is
 * at fault.
 */
export function explain(error: unknown): { readonly text: string; readonly isUsers: boolean } {
  const { kind, detail } = problemOfError(error);
  if (kind === 'invalid_webhook' || kind === 'invalid_endpoint') {
    return { text: detail, isUsers: true };
  }
  const text = error instanceof Error ? error.message : String(error);
  return { text: text.startsWith('Cannot ') ? text : `Cannot go on: ${text}`, isUsers: false };
}
