import type { Fields, Operation } from './operation.ts';

/** A request as it is sent on each try. */
export interface HttpRequest {
  readonly method: Operation['method'];
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Whether it does no harm to send it again when nobody knows if it has arrived. */
  readonly mayRepeat: boolean;
}

/**
 * Makes the request of an operation. The parameter of its path comes out of the fields; the rest is the query of a GET or
 * DELETE, and else the body.
 *
 * @param makeKey makes an idempotency key for what has none; undefined: it gets none.
 * @throws TypeError when the parameter of the path is missing or cannot stand in a path.
 */
export function httpRequestOf(
  operation: Operation,
  {
    fields,
    baseUrl,
    apiKey,
    makeKey,
  }: {
    readonly fields: Fields;
    readonly baseUrl: string;
    readonly apiKey: string | undefined;
    readonly makeKey: (() => string) | undefined;
  },
): HttpRequest {
  const { path, rest } = fillPath(operation.path, fields);
  const { method, isText = false } = operation;
  const { key, body } = withKeys(operation, { fields: rest, makeKey });
  const isQuery = method === 'GET' || method === 'DELETE';
  const hasBody = !isQuery && Object.values(body).some((value) => value !== undefined);
  return {
    method,
    url: baseUrl + path + (isQuery ? queryOf(rest) : ''),
    headers: {
      accept: isText ? 'text/plain' : 'application/json',
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: hasBody ? JSON.stringify(body) : undefined,
    mayRepeat: operation.mayRepeat === true || key !== undefined || hasKeys(operation, body),
  };
}

function fillPath(path: string, fields: Fields): { readonly path: string; readonly rest: Fields } {
  const name = /\{(\w+)\}/.exec(path)?.[1];
  if (name === undefined) return { path, rest: fields };
  const { [name]: value, ...rest } = fields;
  // A URL without a step, or with a dot or two, is the address of something else.
  if (typeof value !== 'string' || value === '' || value === '.' || value === '..') {
    throw new TypeError(`${name} must be a text, not empty and no dots alone: it is not`);
  }
  return { path: path.replace(`{${name}}`, () => encodeURIComponent(value)), rest };
}

function queryOf(fields: Fields): string {
  const given = Object.entries(fields).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === null ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

/**
 * A key of the caller stays, also one that the API refuses: with another in its place, what the caller sends twice would be two.
 * One that is made up for a single webhook or event is a header.
 */
function withKeys(
  operation: Operation,
  { fields, makeKey }: { readonly fields: Fields; readonly makeKey: (() => string) | undefined },
): { readonly key?: string; readonly body: Fields } {
  if (operation.keys === undefined || makeKey === undefined) return { body: fields };
  if (operation.keys === 'one') {
    return isMissing(fields['idempotency_key'])
      ? { key: makeKey(), body: fields }
      : { body: fields };
  }
  const { events } = fields;
  if (!Array.isArray(events)) return { body: fields };
  const made = makeKey();
  const withKey = (event: unknown, index: number) =>
    typeof event === 'object' && event !== null && isMissing(Reflect.get(event, 'idempotency_key'))
      ? { ...event, idempotency_key: `${made}-${index}` }
      : event;
  return { body: { ...fields, events: events.map(withKey) } };
}

function hasKeys({ keys }: Operation, fields: Fields): boolean {
  const { events } = fields;
  if (keys === 'one') return isKey(fields['idempotency_key']);
  return (
    keys === 'each event' &&
    Array.isArray(events) &&
    events.every((event) => isKey(Object(event).idempotency_key))
  );
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null;
}

function isKey(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
