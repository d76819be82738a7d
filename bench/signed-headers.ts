import type { KeyObject } from 'node:crypto';
import { requestHeaders } from '../src/domain/request-headers.ts';

/** The headers and both signatures of Posthorn, for everybody who is measured beside it. */
export function signedHeaders(webhook: {
  readonly id: string;
  readonly body: string;
  readonly contentType: string;
  readonly attempt: number;
  readonly keys: readonly KeyObject[];
}): string[] {
  const { id, body, contentType, attempt, keys } = webhook;
  return requestHeaders(
    {
      id,
      messageId: id,
      body,
      headers: null,
      contentType,
      idempotencyKey: null,
      traceparent: null,
      attempt,
    },
    { timestampS: Math.floor(Date.now() / 1_000), version: 'yardstick', keys },
  );
}
