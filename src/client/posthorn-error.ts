import type { ProblemName } from './operations.ts';

/** One thing that is wrong with a request. */
export interface ProblemPart {
  /** The place in the body (RFC 6901). */
  readonly pointer?: string;
  readonly parameter?: string;
  readonly header?: string;
  /** The rule that is broken. */
  readonly code: string;
  readonly detail: string;
}

/** What the API has answered, or why there is no answer. */
export interface Failure {
  /**
   * The problem: one of docs/api.md, or `no_answer` (no connection, or it broke off, or it took too long), or
   * `unexpected_answer` (something on the way has answered, or this is not Posthorn).
   */
  readonly problem: ProblemName | 'no_answer' | 'unexpected_answer';
  /** The same or finer, such as the name of a broken rule. Programs should read this. */
  readonly code: string;
  readonly detail: string;
  /** The status; undefined: there is no answer. */
  readonly status?: number | undefined;
  readonly errors?: readonly ProblemPart[] | undefined;
  /** Names the request in Posthorn's log. */
  readonly requestId?: string | undefined;
  /** When the API says that it is worth to try again. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Thrown when an operation has not succeeded. The message never holds a key or a secret. */
export class PosthornError extends Error {
  override readonly name = 'PosthornError';
  /** The operation, such as sendWebhook. */
  readonly operation: string;
  readonly problem: Failure['problem'];
  readonly code: string;
  readonly detail: string;
  readonly status: number | undefined;
  /** All that is wrong with the request, at most 20. */
  readonly errors: readonly ProblemPart[];
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(operation: string, failure: Failure) {
    const { status, code, detail, cause } = failure;
    const what = status === undefined ? code : `${status} ${code}`;
    super(`${operation}: ${what}: ${detail}`, cause === undefined ? {} : { cause });
    this.operation = operation;
    this.problem = failure.problem;
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.errors = failure.errors ?? [];
    this.requestId = failure.requestId;
    this.retryAfterMs = failure.retryAfterMs;
  }
}
