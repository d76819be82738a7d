import { ask, type Connection } from './ask.ts';
import type { Fields, Operation, Page } from './operation.ts';
import { type Operations, operations } from './operations.ts';
import type { AnswerSeen } from './try-once.ts';

/** How a client, or a single call, sends its requests. */
export interface CallOptions {
  /** How long a try may take, to the end of its answer. Default: 30,000 ms. */
  readonly timeoutMs?: number | undefined;
  /** How often to try again at most. 0: never. Default: 2. */
  readonly retries?: number | undefined;
  /** Ends the call, and any wait for a retry. The call throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each answer, also with those after which the request is tried again. */
  readonly onAnswer?: ((seen: AnswerSeen) => void) | undefined;
}

export interface ClientOptions extends CallOptions {
  /** The address of the API, such as http://127.0.0.1:8080. */
  readonly baseUrl: string | undefined;
  /** A key, phk_…. Without one, the API answers only as long as no key was ever made. */
  readonly apiKey?: string | undefined;
  /** How long to wait before the first retry, at most. Default: 500 ms. */
  readonly retryDelayMs?: number | undefined;
  /**
   * Whether a webhook or an event without an idempotency key gets one, so that it can be sent again after no answer came. Posthorn
   * remembers each key for 7 days, in a row. Default: true.
   */
  readonly makesKeys?: boolean | undefined;
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** All operations of the API, by name. They throw PosthornError. */
export type Client = { readonly [Name in keyof Operations]: Method<Operations[Name]> };

/** The fields of a request are those of the body, of the query and of the path together. */
type Method<Of> = Of extends { readonly request: infer Request }
  ? object extends Request
    ? (request?: Request, options?: CallOptions) => Answer<Of>
    : (request: Request, options?: CallOptions) => Answer<Of>
  : (request?: NoFields, options?: CallOptions) => Answer<Of>;

interface NoFields {
  readonly [name: string]: never;
}

type Answer<Of> = Of extends { readonly answer: infer Whole; readonly item: infer Item }
  ? Pages<Whole, Item>
  : Promise<Of extends { readonly answer: infer Whole } ? Whole : undefined>;

/** A list. Awaited, it is its first page; iterated with `for await`, all items of all pages, each page when it is needed. */
export type Pages<Whole, Item> = Promise<Whole> & AsyncIterable<Item>;

/**
 * Makes a client of Posthorn's HTTP API.
 *
 * It tries again after no answer, 502, 503 and 504, but only what does no harm when it is done twice: requests that read, PUT, and
 * webhooks and events with an idempotency key. After a 429 it tries all requests again, because nothing has been done.
 *
 * @throws TypeError when an option cannot be used. The message shows neither the key nor the address.
 */
export function createClient(options: ClientOptions): Client {
  const connection = readOptions(options);
  const methods = Object.entries<Operation>(operations).map(([name, operation]) => [
    name,
    (fields: Fields = {}, call: CallOptions = {}) => {
      const askFor = async (given: Fields) =>
        ask({ name, operation }, { fields: given, connection: withCall(connection, call) });
      return operation.page === undefined
        ? askFor(fields)
        : pagesOf(fields, { page: operation.page, askFor });
    },
  ]);
  return Object.fromEntries(methods) as Client;
}

function readOptions(options: ClientOptions): Connection {
  return {
    baseUrl: readBaseUrl(options.baseUrl),
    apiKey: readKey(options.apiKey),
    // As a method of something else it would not work in browsers.
    fetch: options.fetch ?? ((...request) => globalThis.fetch(...request)),
    timeoutMs: readNumber('timeoutMs', options.timeoutMs ?? 30_000),
    retries: readNumber('retries', options.retries ?? 2),
    retryDelayMs: readNumber('retryDelayMs', options.retryDelayMs ?? 500),
    makesKeys: options.makesKeys ?? true,
    signal: options.signal,
    onAnswer: options.onAnswer,
  };
}

function withCall(connection: Connection, call: CallOptions): Connection {
  return {
    ...connection,
    timeoutMs: readNumber('timeoutMs', call.timeoutMs ?? connection.timeoutMs),
    retries: readNumber('retries', call.retries ?? connection.retries),
    signal: call.signal ?? connection.signal,
    onAnswer: call.onAnswer ?? connection.onAnswer,
  };
}

function readBaseUrl(given: string | undefined): string {
  const rule =
    'baseUrl must be an http or https URL without user name, password, query and fragment, such as http://127.0.0.1:8080';
  let url: URL;
  try {
    url = new URL(given ?? '');
  } catch {
    throw new TypeError(`${rule}: it is ${given === undefined ? 'undefined' : 'not'}`);
  }
  const isPlain = [url.username, url.password, url.search, url.hash].every((part) => part === '');
  if (isPlain && /^https?:$/.test(url.protocol)) return url.href.replace(/\/+$/, '');
  throw new TypeError(`${rule}: it is not`);
}

/** fetch() would show a key that cannot be a header. */
function readKey(given: string | undefined): string | undefined {
  if (given === undefined || /^[\x21-\x7e]+$/.test(given)) return given;
  throw new TypeError('apiKey must be printable ASCII without blanks, and not empty: it is not');
}

function readNumber(name: string, given: number): number {
  // setTimeout() fires at once when it cannot count so far.
  if (given >= 0 && given <= 2_147_483_647) return given;
  throw new TypeError(`${name} must be a number from 0 to 2147483647: it is not`);
}

function pagesOf(
  fields: Fields,
  { page, askFor }: { readonly page: Page; readonly askFor: (fields: Fields) => Promise<unknown> },
): Pages<unknown, unknown> {
  const first = askFor(fields);
  async function* items(): AsyncGenerator<unknown> {
    let asked = first;
    for (;;) {
      const { [page.items]: some, [page.next]: next } = Object(await asked);
      yield* some;
      if (typeof next !== 'string') return;
      asked = askFor({ ...fields, [page.from]: next });
    }
  }
  return Object.assign(first, { [Symbol.asyncIterator]: items });
}
