import { joined } from './bytes.ts';
import { alreadyRead, checkLength, defaultMaxBytes, incomplete, tooLarge } from './read-limits.ts';
import { type VerifiedWebhook, type VerifyOptions, verifyWebhook } from './verify-webhook.ts';

export interface VerifyRequestOptions extends VerifyOptions {
  /** The most that is read of a body. Default: 1 MiB, which is the most that Posthorn sends. */
  readonly maxBytes?: number | undefined;
}

/** What is needed of the `Request` of fetch. */
export interface FetchRequest {
  readonly headers: { get(name: string): string | null };
  readonly bodyUsed: boolean;
  /** Undefined where requests have no streams. */
  readonly body?: FetchBody | null | undefined;
  arrayBuffer(): Promise<ArrayBuffer>;
}

interface FetchBody {
  readonly locked: boolean;
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
    cancel(): Promise<unknown>;
  };
}

/**
 * Reads the body of a fetch-style request and verifies the webhook: `c.req.raw` of Hono, the request of a route handler
 * of Next, Remix, SvelteKit or Astro, of Bun.serve, Deno.serve and Cloudflare Workers.
 *
 * @throws as {@link verifyWebhook}, and when the body is too large, broke off, or was read before.
 */
export async function verifyRequest<Payload = unknown>(
  request: FetchRequest,
  options: VerifyRequestOptions,
): Promise<VerifiedWebhook<Payload>> {
  const { maxBytes = defaultMaxBytes } = options;
  checkLength(request.headers.get('content-length') ?? undefined, maxBytes);
  const body = await readFetchBody(request, maxBytes);
  return await verifyWebhook<Payload>({ headers: request.headers, body }, options);
}

async function readFetchBody(request: FetchRequest, maxBytes: number): Promise<Uint8Array> {
  const { body } = request;
  if (request.bodyUsed || body?.locked === true) {
    throw alreadyRead('call verifyRequest() before request.json() and request.text()');
  }
  if (body === null) return new Uint8Array();
  if (body === undefined) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (bytes.byteLength > maxBytes) throw tooLarge(maxBytes);
    return bytes;
  }
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw incomplete(cause);
    });
    if (done) return joined(pieces);
    const piece = value as Uint8Array;
    size += piece.byteLength;
    if (size > maxBytes) {
      // Not awaited: a source may take as long as it likes. Where that fails the request is gone already.
      reader.cancel().catch(() => {});
      throw tooLarge(maxBytes);
    }
    pieces.push(piece);
  }
}
