import { type HttpRequest, httpRequestOf } from './http-request.ts';
import type { Fields, Operation } from './operation.ts';
import { type Failure, PosthornError } from './posthorn-error.ts';
import { pause, retryDelayMs } from './retry.ts';
import { type AnswerSeen, tryOnce } from './try-once.ts';

/** How requests are sent. */
export interface Connection {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly makesKeys: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onAnswer: ((seen: AnswerSeen) => void) | undefined;
}

/** Asks for an operation until it is answered, or it is not worth to try again. @throws PosthornError */
export async function ask(
  { name, operation }: { readonly name: string; readonly operation: Operation },
  { fields, connection }: { readonly fields: Fields; readonly connection: Connection },
): Promise<unknown> {
  const { fetch, timeoutMs, signal, retries, onAnswer } = connection;
  const request = httpRequestOf(operation, {
    ...connection,
    fields,
    makeKey: connection.makesKeys && retries > 0 ? makeKey : undefined,
  });
  for (let retry = 1; ; retry += 1) {
    const outcome = await tryOnce(operation, {
      request,
      fetch,
      timeoutMs,
      signal,
      onAnswer: onAnswer && ((seen) => onAnswer({ operation: name, ...seen })),
    });
    if (outcome.kind === 'answered') return outcome.answer;
    const { failure } = outcome;
    const delayMs =
      retry <= retries && isWorthARetry(failure, request)
        ? retryDelayMs({
            retry,
            firstMs: connection.retryDelayMs,
            ...failure,
            random: Math.random(),
          })
        : undefined;
    if (delayMs === undefined) throw new PosthornError(name, failure);
    await pause(delayMs, signal);
  }
}

/** After a 429 nothing has been done. After the others nobody knows. */
function isWorthARetry({ status }: Failure, { mayRepeat }: HttpRequest): boolean {
  if (status === 429) return true;
  return mayRepeat && (status === undefined || status === 502 || status === 503 || status === 504);
}

/** Random text. Node 18 and pages without https have no randomUUID(). */
function makeKey(): string {
  const { crypto } = globalThis as { readonly crypto?: { randomUUID?(): string } };
  const part = () => Math.random().toString(36).slice(2);
  return crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${part()}${part()}`;
}
