import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { type AttemptResult, maxBodyBytes } from '../domain/attempt-result.ts';
import type { FailureCode } from '../domain/failure-codes.ts';
import { failureOf } from '../domain/failure-of.ts';

/*
 * One POST: undici's handler, the deadline, and the rules for when it is over.
 *
 * One timer of ours runs over everything, connecting and reading the body included, because undici's own start again
 * with each 1xx response and each body chunk. Once final headers are here the status decides: a body that breaks off,
 * stalls or has no end only ends the reading. Whatever ends it early destroys the connection.
 */

export interface AttemptOptions {
  readonly target: Dispatcher.DispatchOptions;
  readonly secure: boolean;
  readonly timeoutMs: number;
  /** Keeps connections. */
  readonly agent: Dispatcher;
  /** Opens a connection for each request. */
  readonly freshAgent: Dispatcher;
  /** When the connection that this error broke was opened, on the clock of performance.now(). */
  readonly openedAt: (error: Error) => number | undefined;
}

/** A stale connection shows at once; a reset that comes later is an answer of the receiver. */
const staleWithinMs = 1_000;

/** More than any receiver has a reason for. */
const mostInformational = 64;

const noBody = new Uint8Array();
const stop = new Error('Stopped reading');

export class HttpAttempt implements Dispatcher.DispatchHandler {
  readonly #options: AttemptOptions;
  readonly #settle: (result: AttemptResult) => void;
  readonly #startedAt = performance.now();
  readonly #deadline: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  #retriedConnection = false;
  #responseBegan = false;
  #statusCode = 0;
  #informational = 0;
  #headers: IncomingHttpHeaders = {};
  #chunks: Buffer[] = [];
  #size = 0;

  /** Sends the request; `settle` is called exactly once. */
  constructor(options: AttemptOptions, settle: (result: AttemptResult) => void) {
    this.#options = options;
    this.#settle = settle;
    this.#deadline = setTimeout(HttpAttempt.#expireSoon, options.timeoutMs, this);
    options.agent.dispatch(options.target, this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // The deadline passed while connecting: nothing is sent late.
    if (this.#settled) controller.abort(stop);
    else this.#controller = controller;
  }

  onResponseStarted(): void {
    this.#responseBegan = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (statusCode < 200) {
      this.#passOver();
      return;
    }
    this.#statusCode = statusCode;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    const room = maxBodyBytes - this.#size;
    // A copy: the chunk is a view of up to 64 KiB, which would live as long as the result.
    this.#chunks.push(Buffer.from(chunk.subarray(0, room)));
    this.#size += Math.min(chunk.length, room);
    if (chunk.length > room) {
      this.#respond({ truncated: true });
      this.#stop();
    }
  }

  onResponseEnd(): void {
    this.#respond({ truncated: false });
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#settled) return;
    if (this.#statusCode !== 0) {
      this.#respond({ truncated: true });
      return;
    }
    const { secure, freshAgent, target } = this.#options;
    if (this.#isStale(error)) {
      this.#retriedConnection = true;
      this.#controller = undefined;
      freshAgent.dispatch(target, this);
      return;
    }
    this.#fail(failureOf(error, { secure, connecting: this.#controller === undefined }));
  }

  /** A stream of 1xx at full speed would keep this process parsing until the deadline. */
  #passOver(): void {
    this.#informational += 1;
    if (this.#informational <= mostInformational) return;
    const message = `More than ${mostInformational} informational responses`;
    this.#fail({ code: 'not_http', message });
    this.#stop();
  }

  /**
   * The receiver closed a kept connection just as we wrote to it: measured on 11 to 26 % of the requests to a server
   * whose idle timeout is about our interval. Only a connection older than this request qualifies, so a receiver that
   * resets every request still gets one per attempt. It may have seen the first; the id is the same.
   */
  #isStale(error: Error): boolean {
    if (this.#retriedConnection || this.#responseBegan) return false;
    if (performance.now() - this.#startedAt >= staleWithinMs) return false;
    const openedAt = this.#options.openedAt(error);
    if (openedAt === undefined || openedAt >= this.#startedAt) return false;
    const { code } = failureOf(error, { secure: this.#options.secure, connecting: false });
    return code === 'connection_reset' || code === 'connection_closed';
  }

  /**
   * After a freeze (SIGSTOP, a suspended machine, a starved process) timers run before what has arrived meanwhile is read:
   * an answer that came in time must not be taken for none, or its webhook is sent again.
   */
  static #expireSoon(attempt: HttpAttempt): void {
    setImmediate(HttpAttempt.#expire, attempt);
  }

  static #expire(attempt: HttpAttempt): void {
    if (attempt.#settled) return;
    if (attempt.#statusCode !== 0) {
      attempt.#respond({ truncated: true });
    } else {
      const missing = attempt.#controller === undefined ? 'connection' : 'response headers';
      const message = `No ${missing} within ${attempt.#options.timeoutMs} ms`;
      attempt.#fail({ code: 'timeout', message });
    }
    attempt.#stop();
  }

  #stop(): void {
    this.#controller?.abort(stop);
  }

  #respond({ truncated }: { truncated: boolean }): void {
    const headers = this.#headers;
    this.#end({
      kind: 'response',
      statusCode: this.#statusCode,
      retryAfter: first(headers['retry-after']),
      location: first(headers.location),
      body: this.#body(),
      truncated,
      contentEncoding: first(headers['content-encoding']),
      durationMs: this.#elapsedMs(),
      retriedConnection: this.#retriedConnection,
    });
  }

  #fail({ code, message }: { code: FailureCode; message: string }): void {
    this.#end({
      kind: 'error',
      code,
      message,
      durationMs: this.#elapsedMs(),
      retriedConnection: this.#retriedConnection,
    });
  }

  #end(result: AttemptResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#chunks = [];
    clearTimeout(this.#deadline);
    this.#settle(result);
  }

  #body(): Uint8Array {
    const [only = noBody, ...others] = this.#chunks;
    return others.length === 0 ? only : Buffer.concat(this.#chunks);
  }

  /** To 0.1 ms. */
  #elapsedMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10;
  }
}

/** A header that came twice is a list. */
function first(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
