/**
 * Postgres has refused a webhook or an event, because a rule of posthorn.outbox is broken or a value is not of its type.
 * The transaction is aborted, as after every failed statement. It is the same with every library, and it holds nothing of
 * the row: no body and no secret.
 */
export class RefusedError extends Error {
  /** SQLSTATE: 23514 for a broken rule, 23503 for an endpoint that is not registered, 22… for a malformed value. */
  readonly code: string;
  /** The name of the rule, such as outbox_url_is_http. Undefined for a malformed value. */
  readonly constraint: string | undefined;
  /** What to do about it, if Postgres or Posthorn says so. */
  readonly hint: string | undefined;

  constructor(
    message: string,
    {
      code,
      constraint,
      hint,
    }: {
      readonly code: string;
      readonly constraint: string | undefined;
      readonly hint: string | undefined;
    },
  ) {
    super(message);
    this.name = 'RefusedError';
    this.code = code;
    this.constraint = constraint;
    this.hint = hint;
  }
}
