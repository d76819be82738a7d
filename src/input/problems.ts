/** What an answer with an error means, and what to do about it. */
export interface ProblemKind {
  readonly status:
    | 400
    | 401
    | 403
    | 404
    | 405
    | 408
    | 409
    | 410
    | 413
    | 415
    | 429
    | 431
    | 500
    | 503
    | 504;
  readonly title: string;
  /** For people who operate or call Posthorn. */
  readonly whatToDo: string;
}

/**
 * Every problem that the API answers with. Its name is the end of the answer's "type". It is the "code" too, unless there
 * is a finer one.
 */
export const problemKinds = {
  invalid_request: {
    status: 400,
    title: 'The request is not valid HTTP',
    whatToDo:
      'Look at the client or the proxy in front: the request line, a header or the body cannot be read.',
  },
  empty_body: {
    status: 400,
    title: 'The request has no body',
    whatToDo: 'Send a JSON object.',
  },
  invalid_utf8: {
    status: 400,
    title: 'The body is not UTF-8',
    whatToDo: 'Encode the body as UTF-8. Replacing the bytes silently would change the webhook.',
  },
  invalid_json: {
    status: 400,
    title: 'The body is not JSON',
    whatToDo: 'Send JSON as in RFC 8259, without a byte order mark, comments or trailing commas.',
  },
  not_an_object: {
    status: 400,
    title: 'The body is not a JSON object',
    whatToDo: 'Put the fields into an object.',
  },
  too_deep: {
    status: 400,
    title: 'The JSON is nested too deep',
    whatToDo: "Nest at most 64 arrays and objects, or send the webhook's body as a string.",
  },
  duplicate_key: {
    status: 400,
    title: 'A key is there twice',
    whatToDo: 'Send each field once: which of the two counts differs from reader to reader.',
  },
  invalid_webhook: {
    status: 400,
    title: 'The webhook breaks a rule',
    whatToDo:
      'Look at "errors": each names the field and the rule. Codes that begin with outbox_ are CHECKs in Postgres.',
  },
  invalid_endpoint: {
    status: 400,
    title: 'The endpoint breaks a rule',
    whatToDo:
      'Look at "errors": each names the field and the rule. Codes that begin with endpoints_ are CHECKs in Postgres.',
  },
  invalid_event: {
    status: 400,
    title: 'The event breaks a rule',
    whatToDo:
      'Look at "errors": each names the field and the rule. Codes that begin with outbox_ are CHECKs in Postgres.',
  },
  invalid_event_type: {
    status: 400,
    title: 'The event type breaks a rule',
    whatToDo:
      'Look at "errors": each names the field and the rule. Codes that begin with event_types_ are rules of the catalogue.',
  },
  invalid_subscription: {
    status: 400,
    title: 'The subscription breaks a rule',
    whatToDo:
      'Look at "errors": each names the field and the rule. Codes that begin with subscriptions_ are rules of the table.',
  },
  invalid_catch_up: {
    status: 400,
    title: 'The catch-up breaks a rule',
    whatToDo: 'Look at "errors": each names the field and the rule.',
  },
  invalid_tenant: {
    status: 400,
    title: 'The tenant breaks a rule',
    whatToDo: 'Look at "errors": each names the field and the rule.',
  },
  invalid_filter: {
    status: 400,
    title: 'The choice of webhooks breaks a rule',
    whatToDo: 'Look at "errors": each names the field and the rule.',
  },
  invalid_parameter: {
    status: 400,
    title: 'A query parameter is not valid',
    whatToDo: 'Look at "errors": each names the parameter and the rule.',
  },
  invalid_id: {
    status: 400,
    title: 'The id in the path is not valid',
    whatToDo:
      'Use the id as it was returned: 36 characters, lower case. Percent-encode the name of a tenant.',
  },
  unauthenticated: {
    status: 401,
    title: 'The API asks for a key',
    whatToDo:
      'Send Authorization: Bearer and a key. Operators make one with "posthorn keys create".',
  },
  insufficient_scope: {
    status: 403,
    title: 'The key may not do this',
    whatToDo: 'Use a key with the scope that "detail" names: read, send or manage.',
  },
  cross_origin: {
    status: 403,
    title: 'A page of another site may not do this',
    whatToDo: 'Call the API from a program, or from a page that Posthorn itself serves.',
  },
  webhook_not_found: {
    status: 404,
    title: 'There is no such webhook',
    whatToDo: 'Check the id; history older than POSTHORN_RETENTION has been dropped.',
  },
  endpoint_not_found: {
    status: 404,
    title: 'There is no such endpoint',
    whatToDo: 'Check the id; a deleted endpoint can be looked at and not be changed.',
  },
  event_not_found: {
    status: 404,
    title: 'There is no such event',
    whatToDo: 'Check the id; history older than POSTHORN_RETENTION has been dropped.',
  },
  event_type_not_found: {
    status: 404,
    title: 'There is no such event type in the catalogue',
    whatToDo: 'Check the name. Events can be published of types that are not in the catalogue.',
  },
  subscription_not_found: {
    status: 404,
    title: 'There is no such subscription',
    whatToDo:
      'Check the id; subscriptions that ended before POSTHORN_RETENTION have been forgotten.',
  },
  tenant_not_found: {
    status: 404,
    title: 'There is no such tenant',
    whatToDo: 'Check the name: a tenant exists while it has an endpoint or settings.',
  },
  replay_not_found: {
    status: 404,
    title: 'There is no such replay',
    whatToDo: 'Check the id; replays that ended before POSTHORN_RETENTION have been forgotten.',
  },
  route_not_found: {
    status: 404,
    title: 'There is nothing at this path',
    whatToDo: 'Check the path: there is no trailing slash and no version in it.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The path does not take this method',
    whatToDo: 'Use a method that the Allow header names.',
  },
  request_timeout: {
    status: 408,
    title: 'The request did not arrive in time',
    whatToDo: 'Send the headers within 10 s and the whole request within 30 s.',
  },
  idempotency_conflict: {
    status: 409,
    title: 'The idempotency key stands for something else',
    whatToDo: 'Use a new key for new content. A key is remembered for 7 days.',
  },
  subscription_exists: {
    status: 409,
    title: 'The endpoint has this subscription already',
    whatToDo: 'Nothing: it receives these events. "detail" names the subscription.',
  },
  tenant_full: {
    status: 429,
    title: 'The tenant has too many webhooks waiting',
    whatToDo:
      'Try again after Retry-After. The tenant has a max_waiting and refuse_when_full; look for the endpoint that does not keep up.',
  },
  tenant_exists: {
    status: 409,
    title: 'There is a tenant with this id already',
    whatToDo:
      'Choose another id, or delete the settings of that tenant first; then its endpoints and these become one.',
  },
  endpoint_state_conflict: {
    status: 409,
    title: 'The endpoint is not in a state for this',
    whatToDo: 'Resume what is paused, enable what is disabled.',
  },
  webhook_state_conflict: {
    status: 409,
    title: 'The webhook is not in a state for this',
    whatToDo:
      'Look at the webhook: "code" says what it is. One that is being sent can be looked at again in a moment.',
  },
  payload_gone: {
    status: 410,
    title: 'What was to be sent has been dropped',
    whatToDo:
      'Nothing can be sent again that is older than POSTHORN_RETENTION. Let the application make a new webhook.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    whatToDo: 'Send less: a link to the data instead of the data.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The body is not application/json',
    whatToDo: 'Send Content-Type: application/json, in UTF-8 and not compressed.',
  },
  too_many_requests: {
    status: 429,
    title: 'Too many requests',
    whatToDo: 'Try again after Retry-After. Wrong keys count by address, others by key.',
  },
  headers_too_large: {
    status: 431,
    title: 'The headers are too large',
    whatToDo: 'Send at most 16 KiB of request line and headers.',
  },
  internal_error: {
    status: 500,
    title: 'Posthorn made a mistake',
    whatToDo:
      'Search the log for the request id, which is the end of "instance", and report what is there.',
  },
  too_busy: {
    status: 503,
    title: 'Too much is being read at once',
    whatToDo: 'Try again after Retry-After. Send fewer large requests at the same time.',
  },
  database_unavailable: {
    status: 503,
    title: 'The database cannot be used now',
    whatToDo:
      'Try again after Retry-After. Operators: /readyz and the log say what is wrong with Postgres.',
  },
  timeout: {
    status: 504,
    title: 'The database took too long',
    whatToDo:
      'Try again, with an idempotency key. Operators: look for locks and for a disk that is full or slow.',
  },
} as const satisfies Readonly<Record<string, ProblemKind>>;

export type ProblemCode = keyof typeof problemKinds;
