// Pure: no I/O, no clock, no randomness.

import type { Operation } from './document.ts';
import type { Reply } from './reply.ts';

/** What must not be. */
export type FindingKind =
  | 'server error'
  | 'no answer'
  | 'not a problem'
  | 'headers missing'
  | 'not documented'
  | 'changed the database'
  | 'secret shown'
  | 'error logged'
  | 'too slow';

export interface Finding {
  readonly kind: FindingKind;
  readonly detail: string;
}

/** A kind of problem that the subject answers with. */
export type ProblemKinds = Readonly<
  Record<string, { readonly status: number; readonly title: string }>
>;

/** Says what in an answer's JSON is not as its schema has it; undefined when all is. */
export type SchemaCheck = (
  operation: Operation,
  answer: { readonly status: number; readonly json: unknown },
) => string | undefined;

/** What an answer says about itself, whatever was asked. */
export function judgeReply(
  reply: Reply,
  { isHead, problemKinds }: { readonly isHead: boolean; readonly problemKinds: ProblemKinds },
): Finding[] {
  const { status, headers } = reply;
  const findings: Finding[] = [];
  if (status >= 500) {
    findings.push({ kind: 'server error', detail: `${status} ${shortText(reply.body)}` });
  }
  const missing = Object.entries(requiredHeaders).filter(
    ([name, value]) => headers.get(name)?.includes(value) !== true,
  );
  if (missing.length > 0) {
    const names = missing.map(([name]) => name).join(', ');
    findings.push({ kind: 'headers missing', detail: `${status} without ${names}` });
  }
  if (status >= 400) {
    const fault = problemFault(reply, { isHead, problemKinds });
    if (fault !== undefined)
      findings.push({ kind: 'not a problem', detail: `${status}: ${fault}` });
  }
  return findings;
}

/** What is in the head of every answer. */
const requiredHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** What is wrong with a problem (RFC 9457) as Posthorn writes it. */
function problemFault(
  { status, headers, body }: Reply,
  { isHead, problemKinds }: { readonly isHead: boolean; readonly problemKinds: ProblemKinds },
): string | undefined {
  const type = headers.get('content-type');
  if (type !== 'application/problem+json') return `its Content-Type is ${type}`;
  if (isHead) return undefined;
  const json = parseObject(body);
  if (json === undefined) return `its body is no JSON object: ${shortText(body)}`;
  const name = String(json['type']).replace(/^urn:posthorn:problem:/, '');
  const kind = Object.hasOwn(problemKinds, name) ? problemKinds[name] : undefined;
  if (kind === undefined) return `its type is ${String(json['type'])}`;
  if (kind.status !== status || json['status'] !== status) {
    return `its status is ${String(json['status'])}, and that of ${name} is ${kind.status}`;
  }
  if (json['title'] !== kind.title) return `its title is ${String(json['title'])}`;
  if (!/^.{10,}[^.]$/s.test(String(json['detail'])))
    return `its detail is ${String(json['detail'])}`;
  if (!/^[a-z0-9_]+$/.test(String(json['code']))) return `its code is ${String(json['code'])}`;
  if (!/^\/requests\/[0-9a-f-]{36}$/.test(String(json['instance']))) {
    return `its instance is ${String(json['instance'])}`;
  }
  return partsFault(json['errors']);
}

function partsFault(errors: unknown): string | undefined {
  if (errors === undefined) return undefined;
  if (!Array.isArray(errors) || errors.length === 0 || errors.length > 20) {
    return 'its errors are no list of 1 to 20';
  }
  const strange = errors.find((part: unknown) => {
    const fields = Object.entries(Object(part));
    const isText = fields.every(([, value]) => typeof value === 'string');
    return !isText || typeof Reflect.get(Object(part), 'detail') !== 'string';
  });
  return strange === undefined ? undefined : `one of its errors is ${JSON.stringify(strange)}`;
}

/** Whether the document knows the answer of an operation to a request that was made to it. */
export function judgeByDocument(
  reply: Reply,
  { operation, check }: { readonly operation: Operation; readonly check: SchemaCheck },
): Finding[] {
  const { status, body } = reply;
  const { answers } = operation;
  // That is a finding already.
  if (status >= 500) return [];
  if (!answers.has(String(status)) && !answers.has('default')) {
    return [{ kind: 'not documented', detail: `${status} is no documented answer` }];
  }
  const json = parse(body);
  if (json === undefined) return [];
  const fault = check(operation, { status, json });
  return fault === undefined ? [] : [{ kind: 'not documented', detail: `${status}: ${fault}` }];
}

/** The operation that a request in fact reached: its mutations may have led it elsewhere. */
export function operationOf(
  operations: readonly Operation[],
  { method, target }: { readonly method: string; readonly target: string },
): Operation | undefined {
  // %2e%2e is a step up.
  const path = URL.parse(`http://subject${target}`)?.pathname ?? target;
  // Of paths that fit, the one with the fewest parameters is meant, whatever its methods are.
  const [best] = operations
    .filter((one) => matches(one, path))
    .toSorted((a, b) => a.path.split('{').length - b.path.split('{').length);
  const wanted = method === 'HEAD' ? 'GET' : method;
  return operations.find((one) => one.path === best?.path && one.method === wanted);
}

function matches({ path }: Operation, given: string): boolean {
  const pattern = path.split('/');
  const steps = given.split('/');
  return (
    pattern.length === steps.length &&
    pattern.every((step, at) => (step.startsWith('{') ? steps[at] !== '' : step === steps[at]))
  );
}

/** Whether a request may never change anything, by its answer or its method. */
export function mustChangeNothing({
  method,
  status,
}: {
  readonly method: string;
  readonly status: number;
}): boolean {
  return status >= 300 || method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

export function parseObject(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  const json = parse(body);
  return typeof json === 'object' && json !== null && !Array.isArray(json)
    ? { ...json }
    : undefined;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

function shortText(body: Buffer): string {
  return JSON.stringify(body.toString('utf8').slice(0, 200));
}
