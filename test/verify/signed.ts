import { requestHeaders } from '../../src/domain/request-headers.ts';
import { signingKey } from '../../src/domain/signature.ts';

/** A request as Posthorn signs it. */
export interface SignedAsSent {
  /** Names in lower case, as servers give them. */
  readonly headers: Record<string, string>;
  readonly body: string;
}

export const id = '01a20a3b-2900-72ae-a455-000000049293';
export const body = '{"order": 1.0, "note": "ü ✓"}';

/** Signs a request with each of some secrets, like the engine. */
export function signedAsSent({
  secrets,
  ageS = 0,
  text = body,
}: {
  readonly secrets: readonly string[];
  readonly ageS?: number;
  readonly text?: string;
}): SignedAsSent {
  const flat = requestHeaders(
    {
      ...{ id, messageId: id, body: text, headers: null, contentType: 'application/json' },
      ...{ idempotencyKey: null, traceparent: null, attempt: 1 },
    },
    { timestampS: nowS() - ageS, version: '1.2.3', keys: secrets.map(signingKey) },
  );
  const headers: Record<string, string> = {};
  for (let at = 0; at < flat.length; at += 2) {
    headers[(flat[at] ?? '').toLowerCase()] = flat[at + 1] ?? '';
  }
  return { headers, body: text };
}

export function nowS(): number {
  return Math.floor(Date.now() / 1_000);
}
