import { joined, utf8Of } from './bytes.ts';
import { isSignedBy, readSecrets, type Secrets, type VerifyingKey } from './keys.ts';
import {
  type HeadersGiven,
  readSignatures,
  type SignatureHeader,
  type Signed,
} from './signature-headers.ts';
import { WebhookVerificationError } from './verification-error.ts';
import { webCrypto } from './web-crypto.ts';

export interface VerifyOptions {
  /**
   * The secret that the sender and you share (`whsec_…` or any other text), or the sender's public key (`whpk_…`). While one is
   * rotated, a list of the new and the old one: one that fits is enough. Undefined entries of a list are left out.
   */
  readonly secret: Secrets;
  /** Which header to verify. Default: `webhook-signature`, which signs the id too. */
  readonly header?: SignatureHeader | undefined;
  /** How far the time of the request may be from the clock here, in both directions. Default: 300 s. */
  readonly toleranceS?: number | undefined;
  /** False: the payload is the text of the body. Default: true, it is the value of its JSON. */
  readonly json?: boolean | undefined;
  /** The time, Unix ms. Default: Date.now. */
  readonly nowMs?: (() => number) | undefined;
}

/** A webhook that was signed with one of the secrets, not long ago. */
export interface VerifiedWebhook<Payload = unknown> {
  /** `webhook-id`: the same on every attempt and resend, so drop duplicates by it. */
  readonly id: string;
  /** When the attempt was made. */
  readonly timestamp: Date;
  /** The value of the JSON in the body. */
  readonly payload: Payload;
  /** The body as it came. */
  readonly body: Uint8Array;
}

/** A request whose body has been read. */
export interface SignedRequest {
  readonly headers: HeadersGiven;
  /** As it came, not parsed. A string stands for its UTF-8. */
  readonly body: string | Uint8Array | ArrayBuffer;
}

/**
 * Verifies the signature and the time of a webhook, and parses its body.
 *
 * The type of the payload is your word: nothing checks it.
 *
 * @throws WebhookVerificationError when the request is not genuine, is too old or too new, or its body is not JSON.
 * @throws TypeError when an option or the body cannot be used.
 */
export async function verifyWebhook<Payload = unknown>(
  request: SignedRequest,
  options: VerifyOptions,
): Promise<VerifiedWebhook<Payload>> {
  const { header = 'webhook-signature', toleranceS = 300, json = true } = options;
  const { nowMs = () => Date.now() } = options;
  const keys = readSecrets(options.secret);
  if (!(toleranceS >= 0)) throw new TypeError('toleranceS must be a number from 0 on: it is not');
  if (header !== 'webhook-signature' && header !== 'x-webhook-signature') {
    throw new TypeError('header must be webhook-signature or x-webhook-signature: it is neither');
  }
  const body = bytesOf(request.body);
  const signed = readSignatures(request.headers, header);
  await checkSignatures(signed, { header, keys, body });
  checkTime(signed.timestampS, { toleranceS, nowS: nowMs() / 1_000 });
  return {
    id: signed.id,
    timestamp: new Date(signed.timestampS * 1_000),
    payload: payloadOf(body, json) as Payload,
    body,
  };
}

function bytesOf(body: unknown): Uint8Array {
  if (typeof body === 'string') return utf8Of(body);
  if (body instanceof Uint8Array) return body;
  // Of another realm, such as that of a test's sandbox.
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  }
  if (Object.prototype.toString.call(body) === '[object ArrayBuffer]') {
    return new Uint8Array(body as ArrayBuffer);
  }
  throw new TypeError(
    `The body must be the raw body as a string, a Uint8Array or an ArrayBuffer: this is of type ${typeof body}. JSON that was parsed and printed again is different text.`,
  );
}

async function checkSignatures(
  { head, signatures }: Signed,
  {
    header,
    keys,
    body,
  }: {
    readonly header: SignatureHeader;
    readonly keys: readonly VerifyingKey[];
    readonly body: Uint8Array;
  },
): Promise<void> {
  const subtle = webCrypto();
  const data = joined([utf8Of(head), body]);
  let hasTried = false;
  for (const { scheme, bytes: signature } of signatures) {
    for (const key of keys) {
      if (key.scheme !== scheme) continue;
      hasTried = true;
      if (await isSignedBy(key, { subtle, signature, data })) return;
    }
  }
  const why = hasTried
    ? 'the secret is another one, or the body was changed on the way, such as by a parser'
    : keys.some(({ scheme }) => scheme === 'v1')
      ? 'they are Ed25519 signatures (v1a), which need the public key (whpk_…)'
      : 'they are HMAC signatures (v1), which need the secret that you share with the sender';
  throw new WebhookVerificationError('wrong_signature', `No signature in ${header} fits: ${why}`);
}

/** After the signature, so that only who has the secret learns that a clock is wrong. */
function checkTime(
  timestampS: number,
  { toleranceS, nowS }: { readonly toleranceS: number; readonly nowS: number },
): void {
  const ageS = nowS - timestampS;
  if (Math.abs(ageS) <= toleranceS) return;
  const [reason, side] =
    ageS > 0 ? (['too_old', 'old'] as const) : (['too_new', 'in the future'] as const);
  throw new WebhookVerificationError(
    reason,
    `The request must be made within ${toleranceS} s of the time here: it is ${Math.round(Math.abs(ageS))} s ${side}. It was sent again, or a clock is wrong.`,
  );
}

function payloadOf(body: Uint8Array, json: boolean): unknown {
  const text = textOf(body);
  if (!json) return text;
  try {
    return JSON.parse(text);
  } catch {
    // The message of JSON.parse() shows a part of the body.
    throw new WebhookVerificationError(
      'unreadable_body',
      'The signature is right, but the body must be JSON: it is not. For other bodies, set json to false',
    );
  }
}

function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new WebhookVerificationError(
      'unreadable_body',
      'The signature is right, but the body must be UTF-8: it is not',
    );
  }
}
