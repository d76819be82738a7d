import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { type AttemptResult, maxBodyBytes } from '../domain/attempt-result.ts';
import type { FailureCode } from '../domain/failure-codes.ts';
import { failureOf } from '../domain/failure-of.ts';

/*
 * One POST: undici's handler, the deadline, and the rules for its end.
 *
 * One timer covers everything, including connecting and reading the body, because undici's own timers restart with each
 * 1xx response and each body chunk. After the final headers the status decides: a body that breaks off, stalls or never
 * ends only stops the reading. An early end always destroys the connection.
 */

export interface AttemptOptions {
  readonly target: Dispatcher.DispatchOptions;
  readonly secure: boolean;
  readonly timeoutMs: number;
  /** Keeps connections alive for reuse. */
  readonly agent: Dispatcher;
  /** Opens a new connection for each request. */
  readonly freshAgent: Dispatcher;
  /** When the connection that broke with this error was opened, on the clock of performance.now(). */
  readonly openedAt: (error: Error) => number | undefined;
}

/** A stale connection fails at once; a later reset is an answer of the receiver. */
const staleWithinMs = 1_000;

/** More than any receiver needs. */
const maxInformational = 64;

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
    // Copied, because the chunk is a view of up to 64 KiB, which would live as long as the result.
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
    if (this.#informational <= maxInformational) return;
    const message = `More than ${maxInformational} informational responses`;
    this.#fail({ code: 'not_http', message });
    this.#stop();
  }

  /**
   * Whether the receiver closed a kept connection just when we wrote to it: measured for 11 to 26 % of the requests to
   * a server whose idle timeout is about our interval. This applies only to a connection older than this request, so a
   * receiver that resets every request still gets one request per attempt. The receiver may have seen the first one;
   * the id is the same.
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
   * Expires an attempt after pending input was read. After a freeze (SIGSTOP, a suspended machine, a starved process),
   * timers run before the data that arrived in the meantime is read. An answer that came in time must not be lost, or
   * its webhook would be sent again.
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

  /** The elapsed time, rounded to 0.1 ms. */
  #elapsedMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10;
  }
}

/** The first value of a header; a repeated header is a list. */
function first(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
