import {
  BackendTerminatedError,
  BackendTerminatedUnexpectedlyError,
  ConnectionError,
  IdleTransactionTimeoutError,
  InvalidInputError,
} from 'slonik';
import { codeOf, isTransient } from '../db/sqlstate.ts';
import { PoolBusyError } from '../queries/pool.ts';
import type { Problem } from './problem.ts';

/** What an error from the database means to the caller. Anything that is not known to be harmless is our mistake. */
export function problemOfError(error: unknown): Problem {
  const source = sourceOf(error);
  const code = codeOf(source);
  if (code === '23514') return brokenRule(source);
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

/** A CHECK is named outbox_<column>_<rule>. */
function brokenRule(source: unknown): Problem {
  const name =
    typeof source === 'object' && source !== null ? Reflect.get(source, 'constraint') : '';
  const code = typeof name === 'string' && name !== '' ? name : 'check_violation';
  const rule = code.replace(/^outbox_/, '').replaceAll('_', ' ');
  const column = columns.find((candidate) => code.startsWith(`outbox_${candidate}_`));
  const detail = `Cannot send the webhook as this must hold: ${rule}`;
  return {
    kind: 'invalid_webhook',
    code,
    detail,
    errors: [{ ...(column === undefined ? {} : { pointer: `/${column}` }), code, detail }],
  };
}

const columns = [
  'url',
  'body',
  'headers',
  'secret',
  'content_type',
  'priority',
  'send_at',
  'max_attempts',
  'idempotency_key',
  'traceparent',
];
