import type { Context } from 'hono';
import { type Problem, shown } from '../input/problem.ts';
import type { ApiEnv } from './api-env.ts';
import { mostBodyBytes } from './body-room.ts';
import { LongWork } from './long-work.ts';

/**
 * Reads the body of a request as text: application/json, UTF-8, not compressed, at most so many bytes.
 *
 * It stops at the limit, even if Content-Length says less. Wrong bytes are refused, because a lenient decoder would replace
 * them by U+FFFD and so change the webhook.
 */
export async function readRequestText(
  c: Context<ApiEnv>,
  maximumBytes: number,
): Promise<{ readonly text: string } | { readonly problem: Problem }> {
  const unsupported = unsupportedMedia(c);
  if (unsupported !== undefined) return { problem: unsupported };
  if (Number(c.req.header('content-length') ?? 0) > maximumBytes) return tooLarge(maximumBytes);
  const bytes = await readBytes(c, maximumBytes);
  if (bytes === 'too large') return tooLarge(maximumBytes);
  if (bytes === 'no room') return { problem: noRoom };
  if (bytes === 'cut off') {
    return refused('invalid_request', 'The body was cut off');
  }
  if (bytes.length === 0) {
    return refused('empty_body', 'The body is empty; it must be a JSON object');
  }
  if (bytes.length > largeBytes) await largeBodies.turn();
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return refused('invalid_utf8', 'The body is not UTF-8');
  }
}

/** From this size on, bodies are read one after the other: JSON of 1 MiB holds up the event loop for about 10 ms. */
const largeBytes = 65_536;
const largeBodies = new LongWork();

const passedOverBytes = 65_536;

/**
 * Reads a body that was not asked for, so that nothing is done before the whole request has arrived: a request that breaks
 * off is answered 400, which must be true.
 */
export async function passOverBody(c: Context<ApiEnv>): Promise<Problem | undefined> {
  const bytes = await readBytes(c, passedOverBytes);
  if (typeof bytes !== 'string') return undefined;
  if (bytes === 'no room') return noRoom;
  const detail =
    bytes === 'cut off' ? 'The body was cut off' : 'The body is large, and none is taken here';
  return { kind: 'invalid_request', detail };
}

function unsupportedMedia(c: Context<ApiEnv>): Problem | undefined {
  const type = c.req.header('content-type') ?? '';
  const encoding = c.req.header('content-encoding') ?? 'identity';
  const isJson = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i.test(type);
  if (isJson && encoding.toLowerCase() === 'identity') return undefined;
  return {
    kind: 'unsupported_media_type',
    detail: isJson
      ? `The body must not be compressed: its Content-Encoding is "${shown(encoding)}"`
      : `The Content-Type must be application/json in UTF-8: "${shown(type)}" is not`,
    headers: isJson ? { 'Accept-Encoding': 'identity' } : { Accept: 'application/json' },
  };
}

async function readBytes(
  c: Context<ApiEnv>,
  maximumBytes: number,
): Promise<Uint8Array | 'too large' | 'no room' | 'cut off'> {
  const stream = c.req.raw.body;
  if (stream === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let fault: 'too large' | 'no room';
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return Buffer.concat(chunks);
      length += value.length;
      fault = length > maximumBytes ? 'too large' : 'no room';
      if (fault === 'too large' || !c.var.room.take(value.length)) break;
      chunks.push(value);
    }
  } catch {
    return 'cut off';
  }
  void discard(reader);
  return fault;
}

/** Reads the rest and drops it. Otherwise the server would cut a connection that it had promised to keep alive. */
async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client is gone.
  }
}

const noRoom: Problem = {
  kind: 'too_busy',
  detail: `This process is reading ${mostBodyBytes} bytes of bodies, and takes no more at once; try again in 1 s`,
  headers: { 'Retry-After': '1' },
};

function tooLarge(maximumBytes: number): { readonly problem: Problem } {
  return refused('body_too_large', `The request is larger than ${maximumBytes} bytes`);
}

function refused(kind: Problem['kind'], detail: string): { readonly problem: Problem } {
  return { problem: { kind, detail } };
}
