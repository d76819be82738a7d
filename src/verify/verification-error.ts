/** Why a request was not accepted as a webhook. */
export type VerificationReason = keyof typeof statuses;

/**
 * The status to answer with. Posthorn tries again after a 5xx and gives up after another 4xx, so a fault of the receiver is
 * a 5xx: its clock, or a body parser that ran too early.
 */
const statuses = {
  missing_header: 401,
  malformed_header: 401,
  wrong_signature: 401,
  too_old: 503,
  too_new: 503,
  body_too_large: 413,
  incomplete_body: 400,
  unreadable_body: 400,
  body_already_read: 500,
} as const;

/**
 * Thrown when a request is not a webhook that was signed with one of the secrets. `reason` is for programs, and `status` is
 * what to answer with: Express, Fastify and Koa do that by themselves when the error reaches them. The message says what is
 * wrong and may be sent to the caller: it never holds a secret, a signature or the body.
 */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError';
  readonly reason: VerificationReason;
  readonly status: (typeof statuses)[VerificationReason];

  constructor(reason: VerificationReason, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.reason = reason;
    this.status = statuses[reason];
  }

  /** The answer, for servers in the style of fetch. Hono asks for it by itself when the error reaches it. */
  getResponse(): Response {
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    return new Response(this.message, { status: this.status, headers });
  }
}
