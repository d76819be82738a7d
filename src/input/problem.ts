import type { JsonFault } from '../domain/json-text.ts';
import { type ProblemCode, type ProblemKind, problemKinds } from './problems.ts';

/** One thing that is wrong with a request, and where. */
export interface ProblemPart {
  /** RFC 6901, into the body. */
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

/** A problem of many parts, of which the first gives it its code; 20 are told. */
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

/** A body that is no JSON object. */
export function notAnObject({ fault, detail }: { fault: JsonFault; detail: string }): Problem {
  const rule = fault === 'not_an_object' ? 'a JSON object' : 'JSON that is strictly valid';
  return { kind: fault, detail: `Cannot read the body as it must be ${rule}: ${detail}` };
}

/** The body of such an answer. */
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

/** The step of a JSON pointer (RFC 6901) to a member. */
export function pointerTo(name: string): string {
  return `/${name.slice(0, 128).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A value for a message: short, and in one line. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const line = text.replace(/[^\x20-\x7e]/g, '?');
  return line.length <= 100 ? line : `${line.slice(0, 100)}…`;
}
