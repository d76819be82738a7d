// Pure: no I/O, no clock, no randomness.

/** The result of one attempt. Sending never throws: an error is a value with a stable code. */
export type AttemptResult = ResponseResult | ErrorResult;

/** Final response headers arrived. The status decides, even if the body broke off. */
export interface ResponseResult {
  readonly kind: 'response';
  readonly statusCode: number;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
  /** As received, not decompressed, at most {@link maxBodyBytes}. */
  readonly body: Uint8Array;
  /** The body was longer, or broke off, or stalled. */
  readonly truncated: boolean;
  readonly contentEncoding: string | undefined;
  readonly durationMs: number;
  /** The first connection was a stale keep-alive one, so the request was sent again at once on a new one. */
  readonly retriedConnection: boolean;
}

/** No final response headers arrived. */
export interface ErrorResult {
  readonly kind: 'error';
  /** A key of `failureCodes`. */
  readonly code: string;
  /** For people; at most 500 characters, without query strings. */
  readonly message: string;
  readonly durationMs: number;
  readonly retriedConnection: boolean;
}

/** Bytes of a response body that are read and kept. Enough for any error message, and a bound on memory. */
export const maxBodyBytes = 16_384;

/** The status that a receiver answered with; null if it did not answer. */
export function statusCodeOf(
  result: Pick<ResponseResult, 'kind' | 'statusCode'> | Pick<ErrorResult, 'kind'>,
): number | null {
  return result.kind === 'response' ? result.statusCode : null;
}
