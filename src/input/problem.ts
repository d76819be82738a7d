import type { JsonFault } from '../domain/json-text.ts';
import { type ProblemCode, type ProblemKind, problemKinds } from './problems.ts';

/** One thing that is wrong with a request, and its place. */
export interface ProblemPart {
  /** The place in the body, as a JSON pointer (RFC 6901). */
  readonly pointer?: string;
  readonly parameter?: string;
  readonly header?: string;
  readonly code: string;
  readonly detail: string;
}

/** What is wrong with a request. */
export interface Problem {
  readonly kind: ProblemCode;
  readonly detail: string;
  /** Finer than the kind, such as the name of a CHECK. */
  readonly code?: string;
  readonly errors?: readonly ProblemPart[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** A problem of many parts. It has the code of the first one, and tells 20 of them. */
export function invalid(kind: ProblemCode, errors: readonly ProblemPart[]): Problem {
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return {
    kind,
    ...(first === undefined ? {} : { code: first.code }),
    detail: `${first?.detail ?? ''}${more}`,
    errors: errors.slice(0, 20),
  };
}

/** A body that is not a JSON object. */
export function notAnObject({ fault, detail }: { fault: JsonFault; detail: string }): Problem {
  const rule = fault === 'not_an_object' ? 'a JSON object' : 'strictly valid JSON';
  return { kind: fault, detail: `The body must be ${rule}: ${detail}` };
}

/** Something that does not exist. */
export function notFound(
  what: 'webhook' | 'event' | 'event_type' | 'endpoint' | 'subscription' | 'tenant' | 'replay',
  id: string,
): Problem {
  // A name may end with a full stop, or have blanks.
  if (what === 'event_type') {
    return { kind: 'event_type_not_found', detail: `No event type with name "${shown(id)}"` };
  }
  if (what === 'tenant') {
    return { kind: 'tenant_not_found', detail: `No tenant with id "${shown(id)}"` };
  }
  return { kind: `${what}_not_found`, detail: `No ${what} with id ${shown(id)}` };
}

/** An idempotency key that came with another webhook or event before. */
export function keyConflict(what: 'webhook' | 'event', id: string): Problem {
  const detail = `The idempotency key stands for another ${what}: ${id}`;
  return { kind: 'idempotency_conflict', detail };
}

/** The body of an answer with a problem. */
export function problemJson(problem: Problem, requestId: string): string {
  const { kind, detail, code = kind, errors } = problem;
  const { status, title }: ProblemKind = problemKinds[kind];
  return JSON.stringify({
    type: `urn:posthorn:problem:${kind}`,
    title,
    status,
    detail,
    code,
    errors,
    instance: `/requests/${requestId}`,
  });
}

/** The step of a JSON pointer (RFC 6901) to a member; at most 128 characters of its name. */
export function pointerTo(name: string): string {
  return `/${name.slice(0, 128).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A value for a message: at most 100 characters, in one line of ASCII. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const line = text.replace(/[^\x20-\x7e]/g, '?');
  return line.length <= 100 ? line : `${line.slice(0, 100)}…`;
}
