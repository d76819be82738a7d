/** A webhook to deliver to a URL or to a registered endpoint. Omitted fields get the defaults of posthorn.outbox. */
export type NewWebhook = WebhookContent & (ToUrl | ToEndpoint);

interface ToUrl {
  /** http or https. Everything before the "?" is the endpoint, whose webhooks share their slots. */
  readonly url: string;
  readonly endpointId?: undefined;
}

interface ToEndpoint {
  /** The id of a registered endpoint, whose URL, secret and limits apply. */
  readonly endpointId: string;
  readonly url?: undefined;
}

interface WebhookContent extends Content<string | object> {
  /** The key of the signature: `whsec_` and base64 of 24 to 64 bytes, or 1 to 512 bytes of any other text. */
  readonly secret?: string | undefined;
}

/** Which of the webhooks that are due goes first. */
export type Priority = 'high' | 'normal' | 'low';

/** What webhooks and events have in common. */
export interface Content<Body> {
  /**
   * The customer that it belongs to, by the id that your application uses. Default: the application itself. The tenant "*"
   * of an event is all tenants.
   */
  readonly tenant?: string | undefined;
  /**
   * The request's body, at most 1 MiB. A string is sent byte for byte as UTF-8. Any other value must be plain JSON and
   * is serialised once, here, with JSON.stringify(), so that every attempt sends the same bytes.
   */
  readonly body: Body;
  /** Further headers, at most 8 KiB. Not those that Posthorn or the connection sets, like Host or webhook-id. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: application/json. */
  readonly contentType?: string | undefined;
  readonly priority?: Priority | undefined;
  /** Send it not before this time; at most a year ahead. */
  readonly sendAt?: Date | undefined;
  /** From 1 to 100. Default: one more than the retry schedule has delays. */
  readonly maxAttempts?: number | undefined;
  /** 1 to 255 printable ASCII characters. For 7 days the same key of a tenant stands for the same webhook or event. */
  readonly idempotencyKey?: string | undefined;
  /** W3C trace context, sent along with each attempt. */
  readonly traceparent?: string | undefined;
}
