import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ReceivedRequest } from '../harness/request-parser.ts';
import { secretOf } from './traffic.ts';

/*
 * The receiver's books: what came, when, and whether it was signed.
 *
 * Every id of ordinary endpoints is noted. Of endpoints that misbehave only the number and the times are: a million ids
 * in one set would stop the receiver for 100 ms whenever the set grows, and that would be measured as latency.
 */

export interface ReceiverCounters {
  readonly requests: number;
  readonly uniqueIds: number;
  readonly signaturesChecked: number;
  readonly badSignatures: number;
  readonly connections: number;
  /** When the first and the last request came, clockMs(). */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What came to an endpoint that is watched. */
export interface Watched {
  readonly requests: number;
  /** Answered with 200. */
  readonly accepted: number;
  readonly signaturesChecked: number;
  readonly badSignatures: number;
  /** When each request came, clockMs(). */
  readonly times: readonly number[];
}

const checkOneIn = 100;

export class Books {
  /** When each id came first. */
  readonly arrivals = new Map<string, number>();
  connections = 0;
  #requests = 0;
  #firstMs = 0;
  #lastMs = 0;
  readonly #signatures = new SignatureCheck();

  /** Notes a request, and says how many there were before and whether its id is new. */
  note(request: ReceivedRequest, nowMs: number): { before: number; isNew: boolean } {
    const before = this.#requests;
    this.#requests += 1;
    this.#lastMs = nowMs;
    if (before === 0) this.#firstMs = nowMs;
    // The webhook's own id: that of its event is the same at every endpoint.
    const id = request.header('x-webhook-id') ?? '';
    const isNew = !this.arrivals.has(id);
    if (isNew) this.arrivals.set(id, nowMs);
    if (before % checkOneIn === 0) {
      this.#signatures.check(request, request.header('webhook-id') ?? '');
    }
    return { before, isNew };
  }

  get counters(): ReceiverCounters {
    return {
      requests: this.#requests,
      uniqueIds: this.arrivals.size,
      signaturesChecked: this.#signatures.checked,
      badSignatures: this.#signatures.bad,
      connections: this.connections,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
    };
  }
}

export class WatchedBooks {
  accepted = 0;
  readonly #times: number[] = [];
  readonly #signatures = new SignatureCheck();

  note(request: ReceivedRequest, nowMs: number): void {
    this.#times.push(nowMs);
    if (this.#times.length % checkOneIn === 1) {
      this.#signatures.check(request, request.header('webhook-id') ?? '');
    }
  }

  get watched(): Watched {
    return {
      requests: this.#times.length,
      accepted: this.accepted,
      signaturesChecked: this.#signatures.checked,
      badSignatures: this.#signatures.bad,
      times: this.#times,
    };
  }
}

/** Standard Webhooks: HMAC-SHA256 of `id.timestamp.body` under the key of the endpoint; with code of its own. */
class SignatureCheck {
  checked = 0;
  bad = 0;

  check(request: ReceivedRequest, id: string): void {
    this.checked += 1;
    const secret = secretOf(Number(request.path.split('/').at(-1)));
    const wanted = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
      .update(`${id}.${request.header('webhook-timestamp')}.`)
      .update(request.body)
      .digest();
    const given = request.header('webhook-signature') ?? '';
    const isSigned = given.split(' ').some((signature) => {
      const bytes = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
      return bytes.length === wanted.length && timingSafeEqual(bytes, wanted);
    });
    if (!isSigned) this.bad += 1;
  }
}
