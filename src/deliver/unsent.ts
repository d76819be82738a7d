import type { AttemptResult } from '../domain/attempt-result.ts';

/** Results of webhooks that cannot be sent as they are. */

export const endpointDeleted = unsent(
  'endpoint_deleted',
  'Cannot send as the endpoint must be registered: it was deleted',
);
export const payloadGone = unsent(
  'payload_gone',
  'Cannot send as its row of posthorn.outbox must be there: it was deleted',
);

/** A row that the CHECKs let through and of which no request can be made. */
export function requestInvalid(error: unknown): AttemptResult {
  const message = error instanceof Error ? error.message : 'unknown';
  return unsent('request_invalid', `Cannot build the request: ${message}`);
}

function unsent(code: string, message: string): AttemptResult {
  return { kind: 'error', code, message, durationMs: 0, retriedConnection: false };
}
