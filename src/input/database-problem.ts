import {
  BackendTerminatedError,
  BackendTerminatedUnexpectedlyError,
  ConnectionError,
  IdleTransactionTimeoutError,
  InvalidInputError,
} from 'slonik';
import { codeOf, isTransient } from '../db/sqlstate.ts';
import { PoolBusyError } from '../queries/pool.ts';
import { brokenCatchUpRule } from './catch-up-fields.ts';
import { brokenEndpointRule } from './endpoint-rules.ts';
import { brokenEventTypeRule } from './event-type-fields.ts';
import { brokenOutboxRule } from './outbox-rules.ts';
import type { Problem, ProblemPart } from './problem.ts';
import type { ProblemCode } from './problems.ts';
import { brokenSubscriptionRule } from './subscription-rules.ts';
import { brokenTenantRule } from './tenant-fields.ts';

/** Turns an error from the database into what it means to the caller. Anything that is not known to be harmless is our mistake. */
export function problemOfError(error: unknown): Problem {
  const source = sourceOf(error);
  const code = codeOf(source);
  // 23503: a webhook names an endpoint that is not registered.
  if (code === '23514' || code === '23503') return brokenRule(source);
  // slonik keeps only the message of a 22P02.
  if (code?.startsWith('22') || error instanceof InvalidInputError) return unusableValue;
  if (code === '57014') return tooSlow;
  // slonik has repeated it five times by then.
  if (code === '40001' || code === '40P01') return unavailable;
  if (lostConnections.some((kind) => error instanceof kind)) return unavailable;
  if (code !== undefined && isTransient(source)) return unavailable;
  return internalError;
}

/** Says nothing about the inside of Posthorn. */
export const internalError: Problem = {
  kind: 'internal_error',
  detail: 'Something unexpected happened; the log says what',
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
  detail: 'One of the values cannot be stored in Postgres',
};

const tooSlow: Problem = {
  kind: 'timeout',
  detail: 'The database did not answer within 10 s',
};

const unavailable: Problem = {
  kind: 'database_unavailable',
  detail: 'The database is away, restarting or full; try again in 5 s',
  headers: { 'Retry-After': '5' },
};

/** It is counted every minute. */
const tenantFull: Problem = {
  kind: 'tenant_full',
  detail: brokenOutboxRule('outbox_tenant_is_not_full').detail,
  headers: { 'Retry-After': '60' },
};

/** Finds the error with the SQLSTATE, which slonik wraps in its own. */
function sourceOf(error: unknown): unknown {
  let source = error;
  while (codeOf(source) === undefined && source instanceof Error && source.cause !== undefined) {
    source = source.cause;
  }
  return source;
}

/** The tables besides the outbox whose rules a caller can break. */
const tables: Readonly<
  Record<string, { readonly kind: ProblemCode; readonly ruleOf: (rule: string) => ProblemPart }>
> = {
  endpoints: { kind: 'invalid_endpoint', ruleOf: brokenEndpointRule },
  subscriptions: { kind: 'invalid_subscription', ruleOf: brokenSubscriptionRule },
  catch_ups: { kind: 'invalid_catch_up', ruleOf: brokenCatchUpRule },
  event_types: { kind: 'invalid_event_type', ruleOf: brokenEventTypeRule },
  tenants: { kind: 'invalid_tenant', ruleOf: brokenTenantRule },
};

/**
 * Names the CHECK that a row breaks. Only names are read, because the error's "detail" is the whole row with the secret and
 * the body. A CHECK of any other table is not the caller's mistake.
 */
function brokenRule(source: unknown): Problem {
  const { constraint, table } = namesIn(source);
  if (constraint === '') return internalError;
  if (constraint === 'outbox_tenant_is_not_full') return tenantFull;
  if (/^outbox(_|$)/.test(table)) {
    const part = brokenOutboxRule(constraint);
    return { kind: 'invalid_webhook', code: constraint, detail: part.detail, errors: [part] };
  }
  const broken = tables[table];
  if (broken === undefined) return internalError;
  const part = broken.ruleOf(constraint);
  return { kind: broken.kind, code: constraint, detail: part.detail, errors: [part] };
}

/** The names of the constraint and of its table, which may be a partition (outbox_<day>). Empty when Postgres named none. */
function namesIn(source: unknown): { readonly constraint: string; readonly table: string } {
  const text = (name: string) => {
    const value = typeof source === 'object' && source !== null ? Reflect.get(source, name) : '';
    return typeof value === 'string' ? value : '';
  };
  return { constraint: text('constraint'), table: text('table') };
}
