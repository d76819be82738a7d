import { joined, utf8Of } from './bytes.ts';
import { alreadyRead, checkLength, defaultMaxBytes, incomplete, tooLarge } from './read-limits.ts';
import { headerOf } from './signature-headers.ts';
import type { VerifyRequestOptions } from './verify-request.ts';
import { type VerifiedWebhook, verifyWebhook } from './verify-webhook.ts';

/** What is needed of a request of node:http, Express, Fastify or Next's pages. It is a stream itself, or has one as `raw`. */
export interface NodeRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** What a body parser has made of the body: the raw body as a Buffer or a text, or something that cannot be used. */
  readonly body?: unknown;
  /** The raw body, which some platforms keep beside the parsed one. */
  readonly rawBody?: unknown;
  /** The request of node:http, in Fastify. */
  readonly raw?: unknown;
}

/**
 * Reads the body of a request of Node and verifies the webhook: `request` of node:http, Express, Fastify and Next's pages,
 * `ctx.req` of Koa.
 *
 * The raw body is needed. It is taken from `rawBody`, from `body` when that is a Buffer or a text, or else from the stream.
 *
 * @throws as {@link verifyWebhook}, and when the body is too large, broke off, or was read by a body parser before.
 */
export async function verifyNodeRequest<Payload = unknown>(
  request: NodeRequest,
  options: VerifyRequestOptions,
): Promise<VerifiedWebhook<Payload>> {
  const { maxBytes = defaultMaxBytes } = options;
  checkLength(headerOf(request.headers, 'content-length'), maxBytes);
  const body = rawBodyOf(request) ?? (await readStream(streamOf(request), maxBytes));
  const size = typeof body === 'string' ? utf8Of(body).byteLength : body.byteLength;
  if (size > maxBytes) throw tooLarge(maxBytes);
  return await verifyWebhook<Payload>({ headers: request.headers, body }, options);
}

function rawBodyOf({ rawBody, body }: NodeRequest): string | Uint8Array | undefined {
  return [rawBody, body].find((one) => typeof one === 'string' || one instanceof Uint8Array) as
    | string
    | Uint8Array
    | undefined;
}

interface Stream {
  readonly readableDidRead?: boolean;
  readonly readableEnded?: boolean;
  readonly destroyed?: boolean;
  on(event: string, listener: (value: unknown) => void): unknown;
  removeListener(event: string, listener: (value: unknown) => void): unknown;
  resume(): unknown;
}

function streamOf(request: NodeRequest): Stream {
  const stream: unknown = request.raw ?? request;
  if (!isStream(stream)) {
    throw new TypeError(
      'verifyNodeRequest() must get the request of node:http, Express or Fastify: this is no stream. verifyRequest() is for the Request of fetch',
    );
  }
  if (stream.readableDidRead === true || stream.readableEnded === true) {
    throw alreadyRead(
      'verify before express.json() runs, give this route a parser that keeps the raw body (express.raw({ type: () => true }); in Fastify addContentTypeParser with parseAs: "buffer"; in Next\'s pages bodyParser: false), or pass the raw body to verifyWebhook()',
    );
  }
  return stream;
}

function isStream(value: unknown): value is Stream {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['on', 'removeListener', 'resume'].every(
      (name) => typeof Reflect.get(value, name) === 'function',
    )
  );
}

/** Reads a stream to its end. What is too much is read on and dropped, so that the answer can still be sent. */
function readStream(stream: Stream, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    let size = 0;
    const listeners: Readonly<Record<string, (value: unknown) => void>> = {
      data: (value) => {
        // A text when somebody has called setEncoding().
        const piece = typeof value === 'string' ? utf8Of(value) : (value as Uint8Array);
        size += piece.byteLength;
        if (size <= maxBytes) pieces.push(piece);
        else stop(() => reject(tooLarge(maxBytes)));
      },
      end: () => stop(() => resolve(joined(pieces))),
      error: (cause) => stop(() => reject(incomplete(cause))),
      close: () => stop(() => reject(incomplete())),
    };
    const stop = (settle: () => void) => {
      for (const [event, listener] of Object.entries(listeners)) {
        stream.removeListener(event, listener);
      }
      stream.resume();
      settle();
    };
    if (stream.destroyed === true) {
      reject(incomplete());
      return;
    }
    for (const [event, listener] of Object.entries(listeners)) stream.on(event, listener);
    // One that was paused, as by a middleware that waits for something, stays so until it is told.
    stream.resume();
  });
}
