import { CredentialStore, type Credentials } from '../deliver/credentials.ts';
import type { AttemptResult } from '../domain/attempt-result.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import { requestHeaders } from '../domain/request-headers.ts';
import { signingKey } from '../domain/signature.ts';
import type { HttpClient } from '../http/http-client.ts';
import { createLog } from '../log.ts';
import type { FollowedWebhook } from '../queries/follow-webhooks.ts';
import type { WebhookContent } from '../queries/read-content.ts';
import { version } from '../version.ts';

/** What became of a webhook that was to be forwarded. */
export interface Forwarded {
  readonly webhook: FollowedWebhook;
  /** As the sender of a worker has it, or why nothing could be sent. */
  readonly result: AttemptResult;
}

export interface ForwarderOptions {
  readonly to: string;
  readonly http: HttpClient;
  /** Reads what a webhook is sent with; undefined: its row is not there any more. */
  readonly read: (webhook: FollowedWebhook) => Promise<WebhookContent | undefined>;
  readonly keyRing: KeyRing | undefined;
  /** Signs in place of the endpoint's own secrets. */
  readonly secret: string | undefined;
  readonly tell: (forwarded: Forwarded) => void;
}

/** Lanes whose webhooks are sent at the same time. */
const mostBusy = 8;

/** Sends webhooks to one URL: those of a lane one after another, and a few lanes at the same time. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #credentials: CredentialStore;
  readonly #waiting: FollowedWebhook[] = [];
  readonly #busy = new Set<string>();
  #changed = Promise.withResolvers<void>();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#credentials = new CredentialStore({ ring: options.keyRing, log: createLog('silent') });
  }

  /** Webhooks that wait or are being sent. */
  get size(): number {
    return this.#waiting.length + this.#busy.size;
  }

  add(webhooks: readonly FollowedWebhook[]): void {
    this.#waiting.push(...webhooks);
    this.#start();
  }

  /** Resolves once at most so many are left, or the signal is aborted. */
  async until(left: number, stop: AbortSignal): Promise<void> {
    const onAbort = () => this.#changed.resolve();
    stop.addEventListener('abort', onAbort);
    while (this.size > left && !stop.aborted) await this.#changed.promise;
    stop.removeEventListener('abort', onAbort);
  }

  /** Begins nothing more, and resolves once what is being sent has ended. */
  async stop(): Promise<void> {
    this.#waiting.length = 0;
    while (this.#busy.size > 0) await this.#changed.promise;
  }

  #start(): void {
    while (this.#busy.size < mostBusy) {
      const at = this.#waiting.findIndex(({ lane }) => !this.#busy.has(lane));
      const [webhook] = at < 0 ? [] : this.#waiting.splice(at, 1);
      if (webhook === undefined) return;
      this.#busy.add(webhook.lane);
      void this.#forward(webhook).then(() => {
        this.#busy.delete(webhook.lane);
        this.#start();
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
      });
    }
  }

  /** Never rejects. */
  async #forward(webhook: FollowedWebhook): Promise<void> {
    const { read, tell } = this.#options;
    let result: AttemptResult;
    try {
      const content = await read(webhook);
      result = content === undefined ? gone : await this.#post(webhook, content);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      result = notSent('request_invalid', message);
    }
    tell({ webhook, result });
  }

  async #post(webhook: FollowedWebhook, content: WebhookContent): Promise<AttemptResult> {
    const credentials = this.#credentialsOf(content);
    if ('kind' in credentials) return credentials;
    const { body, headers, contentType, idempotencyKey, traceparent } = content;
    const { to, http } = this.#options;
    return http.post({
      url: to,
      body,
      headers: requestHeaders(
        {
          id: webhook.webhook_id,
          messageId: webhook.outbox_id,
          ...{ body, headers, contentType, idempotencyKey, traceparent },
          endpointHeaders: credentials.endpointHeaders,
          attempt: 1,
        },
        { timestampS: Math.floor(Date.now() / 1_000), version, keys: credentials.keys },
      ),
    });
  }

  /** With a secret of the user's own, no key of the endpoint is needed, and sealed headers that do not open are left out. */
  #credentialsOf(content: WebhookContent): Credentials | AttemptResult {
    const { secret } = this.#options;
    const opened = this.#credentials.of(content, Date.now());
    if (secret === undefined) return opened;
    const endpointHeaders = 'kind' in opened ? null : opened.endpointHeaders;
    return { keys: [signingKey(secret)], endpointHeaders };
  }
}

const gone = notSent(
  'payload_gone',
  'Its row in posthorn.outbox is not there any more, so nothing is left to send',
);

function notSent(code: string, message: string): AttemptResult {
  return { kind: 'error', code, message, durationMs: 0, retriedConnection: false };
}
