import type { HttpRequest } from './http-request.ts';
import type { Operation } from './operation.ts';
import type { Failure } from './posthorn-error.ts';

/** What the client has learned of an answer, for logs and metrics. */
export interface AnswerSeen {
  readonly operation: string;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

export interface TryOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onAnswer:
    | ((seen: { status: number; headers: AnswerSeen['headers'] }) => void)
    | undefined;
}

/** How a try ended. */
export type Outcome =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Sends a request once, and reads the answer. @throws the reason of the caller's signal. */
export async function tryOnce(
  operation: Operation,
  { request, onAnswer, ...options }: TryOptions & { readonly request: HttpRequest },
): Promise<Outcome> {
  const received = await exchange(request, options);
  if ('why' in received) {
    const { why, cause } = received;
    const detail = `${operation.method} ${operation.path} was not answered${why}`;
    return { kind: 'failed', failure: { problem: 'no_answer', code: 'no_answer', detail, cause } };
  }
  const { status, headers } = received.response;
  onAnswer?.({ status, headers });
  return read(operation, received);
}

interface Received {
  readonly response: Response;
  readonly text: string;
}

async function exchange(
  { method, url, headers, body }: HttpRequest,
  { fetch, timeoutMs, signal }: Omit<TryOptions, 'onAnswer'>,
): Promise<Received | { readonly why: string; readonly cause: unknown }> {
  signal?.throwIfAborted();
  const limit = new AbortController();
  const onAbort = () => limit.abort();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    limit.abort();
  }, timeoutMs);
  signal?.addEventListener('abort', onAbort);
  try {
    const response = await fetch(url, {
      method,
      headers: { ...headers },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: limit.signal,
    });
    return { response, text: await response.text() };
  } catch (cause) {
    signal?.throwIfAborted();
    return { why: isLate ? ` within ${timeoutMs} ms` : `: ${reasonOf(cause)}`, cause };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function read(operation: Operation, { response, text }: Received): Outcome {
  const { status, headers } = response;
  const type = headers.get('content-type')?.split(';')[0]?.trim() ?? '';
  const isAnswer = response.ok || operation.alsoAnswers?.includes(status) === true;
  if (isAnswer && text === '') return { kind: 'answered', answer: undefined };
  if (isAnswer && operation.isText === true && type === 'text/plain') {
    return { kind: 'answered', answer: text };
  }
  const json = type.endsWith('json') ? jsonOf(text) : undefined;
  if (isAnswer && json !== undefined && type !== 'application/problem+json') {
    return { kind: 'answered', answer: json };
  }
  const common = {
    status,
    requestId: headers.get('x-request-id') ?? undefined,
    retryAfterMs: retryAfterOf(headers.get('retry-after')),
  };
  return {
    kind: 'failed',
    failure: { ...common, ...problemOf(json, { operation, status, type }) },
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A problem of RFC 9457, or whatever else something on the way has answered. */
function problemOf(
  json: unknown,
  {
    operation,
    status,
    type: contentType,
  }: { readonly operation: Operation; readonly status: number; readonly type: string },
): Pick<Failure, 'problem' | 'code' | 'detail' | 'errors'> {
  const { type, code, detail, errors } = Object(json);
  const prefix = 'urn:posthorn:problem:';
  if (typeof type === 'string' && type.startsWith(prefix)) {
    const problem = type.slice(prefix.length) as Failure['problem'];
    return { problem, code: String(code), detail: String(detail), errors };
  }
  const what = contentType === '' ? `${status}` : `${status} with ${contentType}`;
  return {
    problem: 'unexpected_answer',
    code: 'unexpected_answer',
    detail: `${operation.method} ${operation.path} must be answered by Posthorn: the answer was ${what}. Look at baseUrl, and at what stands between`,
  };
}

function retryAfterOf(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** fetch() says only that it failed; its cause says why, such as ECONNREFUSED. */
function reasonOf(error: unknown): string {
  const { message, cause } = Object(error);
  const { code, message: deeper } = Object(cause);
  return String(code ?? deeper ?? message ?? error);
}
