import type { KeyObject } from 'node:crypto';
import type { ErrorResult } from '../domain/attempt-result.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { type OpenedText, openText, type SealedAs } from '../domain/sealed-text.ts';
import { signingKey } from '../domain/signature.ts';
import type { Log } from '../log.ts';
import type { ClaimedWebhook } from './claim.ts';

/** What a request is signed with, newest first, and what its endpoint adds to it. */
export interface Credentials {
  readonly keys: readonly KeyObject[];
  readonly endpointHeaders: Readonly<Record<string, string>> | null;
}

/** The opened secrets and headers of an endpoint, and the texts they were opened from. Other texts must be opened again. */
interface Opened extends Credentials {
  readonly endpointSecret: string | null;
  readonly formerSecrets: string | null;
  readonly sealedHeaders: string | null;
  /** When the first of the former secrets ends. */
  readonly untilMs: number;
}

type Claimed = Pick<
  ClaimedWebhook,
  'secret' | 'endpointSecret' | 'formerSecrets' | 'endpointHeaders' | 'endpointId' | 'signedAs'
>;

/** How many keys and endpoints are remembered. Then all are forgotten, because an order of use would cost more than it saves. */
const mostKnown = 10_000;
/** Every webhook of an endpoint finds the same missing key. */
const toldEveryMs = 60_000;

const nothing: Credentials = { keys: [], endpointHeaders: null };

/**
 * Opens secrets and headers and makes keys of secrets, once for many webhooks: each further webhook costs a comparison of texts.
 *
 * In: a claimed webhook with the sealed texts of its endpoint. Out: keys and headers, or a result that says which key is missing.
 * Opened secrets never leave the process.
 */
export class CredentialStore {
  readonly #ring: KeyRing | undefined;
  readonly #log: Log;
  readonly #keys = new Map<string, KeyObject>();
  readonly #opened = new Map<string, Opened>();
  readonly #toldAtMs = new Map<string, number>();

  constructor({ ring, log }: { readonly ring: KeyRing | undefined; readonly log: Log }) {
    this.#ring = ring;
    this.#log = log;
  }

  /** @throws when a secret is no key. */
  of(webhook: Claimed, nowMs: number): Credentials | ErrorResult {
    const { secret, endpointSecret, formerSecrets, endpointHeaders } = webhook;
    const isPlain = endpointSecret === null && formerSecrets === null && endpointHeaders === null;
    if (isPlain) {
      return secret === null ? nothing : { keys: [this.#key(secret)], endpointHeaders: null };
    }
    const opened = this.#open(webhook, nowMs);
    if ('kind' in opened || secret === null) return opened;
    return { keys: [this.#key(secret)], endpointHeaders: opened.endpointHeaders };
  }

  #open(webhook: Claimed, nowMs: number): Opened | ErrorResult {
    const { endpointSecret, formerSecrets, endpointHeaders: sealedHeaders } = webhook;
    const endpointId = webhook.endpointId ?? webhook.signedAs ?? '';
    // A webhook's own secret leaves those of the endpoint out: two entries, so that the two do not drive each other out.
    const place = webhook.secret === null ? endpointId : `${endpointId} headers`;
    const known = this.#opened.get(place);
    if (
      known !== undefined &&
      known.endpointSecret === endpointSecret &&
      known.formerSecrets === formerSecrets &&
      known.sealedHeaders === sealedHeaders &&
      known.untilMs > nowMs
    ) {
      return known;
    }
    const former = readFormer(formerSecrets).filter(({ untilMs }) => untilMs > nowMs);
    const kept = [
      ...(endpointSecret === null ? [] : [endpointSecret]),
      ...former.map((f) => f.secret),
    ];
    const keys: KeyObject[] = [];
    for (const text of kept) {
      const plain = this.#text(text, { endpointId, purpose: 'secret' });
      if (!plain.ok) return this.#closed(plain, endpointId);
      keys.push(signingKey(plain.text));
    }
    let endpointHeaders: Record<string, string> | null = null;
    if (sealedHeaders !== null) {
      // An object as it is, or the string that it was sealed to.
      const value: unknown = JSON.parse(sealedHeaders);
      const plain = this.#text(typeof value === 'string' ? value : sealedHeaders, {
        endpointId,
        purpose: 'headers',
      });
      if (!plain.ok) return this.#closed(plain, endpointId);
      endpointHeaders = JSON.parse(plain.text);
    }
    const untilMs = Math.min(Number.POSITIVE_INFINITY, ...former.map((one) => one.untilMs));
    const opened = { endpointSecret, formerSecrets, sealedHeaders, keys, endpointHeaders, untilMs };
    if (this.#opened.size >= mostKnown) this.#opened.clear();
    this.#opened.set(place, opened);
    return opened;
  }

  #text(text: string, as: SealedAs): OpenedText {
    return openText(text, { ring: this.#ring, as });
  }

  /** Held, not failed: with the key in the ring again it is sent. */
  #closed(
    { keyId, why }: { readonly keyId: string; readonly why: 'missing' | 'wrong' },
    endpointId: string,
  ): ErrorResult {
    const rule =
      why === 'missing'
        ? 'must be in POSTHORN_ENCRYPTION_KEYS: it is not'
        : 'must be the one that sealed the secret, for this endpoint: it does not fit';
    const message = `Cannot open the secrets of the endpoint as the encryption key "${keyId}" ${rule}`;
    const nowMs = performance.now();
    if (nowMs - (this.#toldAtMs.get(keyId) ?? Number.NEGATIVE_INFINITY) >= toldEveryMs) {
      if (this.#toldAtMs.size >= 1_000) this.#toldAtMs.clear();
      this.#toldAtMs.set(keyId, nowMs);
      this.#log.error({ keyId, endpointId }, `${message}; what waits for it is held`);
    }
    return {
      kind: 'error',
      code: why === 'missing' ? 'encryption_key_missing' : 'secret_unreadable',
      message,
      durationMs: 0,
      retriedConnection: false,
    };
  }

  /** Making a key costs more than signing with it, and a secret signs many webhooks. */
  #key(secret: string): KeyObject {
    const known = this.#keys.get(secret);
    if (known !== undefined) return known;
    if (this.#keys.size >= mostKnown) this.#keys.clear();
    const key = signingKey(secret);
    this.#keys.set(secret, key);
    return key;
  }
}

function readFormer(text: string | null): { secret: string; untilMs: number }[] {
  if (text === null) return [];
  const former: { secret: string; expires_at: string }[] = JSON.parse(text);
  return former.map(({ secret, expires_at }) => ({ secret, untilMs: Date.parse(expires_at) }));
}
