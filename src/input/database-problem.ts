import {
  BackendTerminatedError,
  BackendTerminatedUnexpectedlyError,
  ConnectionError,
  IdleTransactionTimeoutError,
  InvalidInputError,
} from 'slonik';
import { codeOf, isTransient } from '../db/sqlstate.ts';
import { PoolBusyError } from '../queries/pool.ts';
import { brokenEndpointRule } from './endpoint-rules.ts';
import { brokenOutboxRule } from './outbox-rules.ts';
import type { Problem } from './problem.ts';

/** What an error from the database means to the caller. Anything that is not known to be harmless is our mistake. */
export function problemOfError(error: unknown): Problem {
  const source = sourceOf(error);
  const code = codeOf(source);
  // 23503: of an endpoint that a webhook names.
  if (code === '23514' || code === '23503') return brokenRule(source);
  // slonik keeps nothing of a 22P02 but the message.
  if (code?.startsWith('22') || error instanceof InvalidInputError) return unusableValue;
  if (code === '57014') return tooSlow;
  // slonik has run it five times more by then.
  if (code === '40001' || code === '40P01') return unavailable;
  if (lostConnections.some((kind) => error instanceof kind)) return unavailable;
  if (code !== undefined && isTransient(source)) return unavailable;
  return internalError;
}

/** Of what is inside, nothing is said. */
export const internalError: Problem = {
  kind: 'internal_error',
  detail: 'Cannot answer as something unexpected happened; the log says what',
};

const lostConnections = [
  BackendTerminatedError,
  BackendTerminatedUnexpectedlyError,
  ConnectionError,
  IdleTransactionTimeoutError,
  PoolBusyError,
];

const unusableValue: Problem = {
  kind: 'invalid_webhook',
  detail: 'Cannot send the webhook as one of its values cannot be stored in Postgres',
};

const tooSlow: Problem = {
  kind: 'timeout',
  detail: 'Cannot answer as Postgres must do so within 10 s: it took longer',
};

const unavailable: Problem = {
  kind: 'database_unavailable',
  detail: 'Cannot answer as Postgres must be there: it is away, restarting or full',
  headers: { 'Retry-After': '5' },
};

/** The error with the SQLSTATE: slonik wraps it in its own. */
function sourceOf(error: unknown): unknown {
  let source = error;
  while (codeOf(source) === undefined && source instanceof Error && source.cause !== undefined) {
    source = source.cause;
  }
  return source;
}

/**
 * Of a broken CHECK only the names are read: its "detail" is the whole row, with the secret and the body. One of another
 * table than these two is no mistake of the caller.
 */
function brokenRule(source: unknown): Problem {
  const { constraint, table } = namesIn(source);
  if (constraint === '') return internalError;
  if (/^outbox(_|$)/.test(table)) {
    const part = brokenOutboxRule(constraint);
    return { kind: 'invalid_webhook', code: constraint, detail: part.detail, errors: [part] };
  }
  if (table !== 'endpoints') return internalError;
  const part = brokenEndpointRule(constraint);
  return { kind: 'invalid_endpoint', code: constraint, detail: part.detail, errors: [part] };
}

/** Empty when Postgres named none. A partition is named outbox_<day>. */
function namesIn(source: unknown): { readonly constraint: string; readonly table: string } {
  const text = (name: string) => {
    const value = typeof source === 'object' && source !== null ? Reflect.get(source, name) : '';
    return typeof value === 'string' ? value : '';
  };
  return { constraint: text('constraint'), table: text('table') };
}
