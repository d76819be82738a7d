import type { Context } from 'hono';
import { type Problem, shown } from '../input/problem.ts';
import type { ApiEnv } from './api-env.ts';
import { mostBodyBytes } from './body-room.ts';
import { LongWork } from './long-work.ts';

/**
 * Reads the body of a request as text: application/json, UTF-8, not compressed, at most so many bytes.
 *
 * It stops at the limit, whatever Content-Length says. Wrong bytes are refused: a lenient decoder would put U+FFFD in
 * their place and so change the webhook.
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
    return refused(
      'invalid_request',
      'Cannot read the body as it must arrive whole: it was cut off',
    );
  }
  if (bytes.length === 0) {
    return refused('empty_body', 'Cannot read the body as it must be a JSON object: it is empty');
  }
  if (bytes.length > largeBytes) await largeBodies.turn();
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return refused('invalid_utf8', 'Cannot read the body as it must be UTF-8: some bytes are not');
  }
}

/** To read the JSON of 1 MiB takes about 10 ms of the event loop, in which nothing else is answered. */
const largeBytes = 65_536;
const largeBodies = new LongWork();

const passedOverBytes = 65_536;

/**
 * Reads a body that was not asked for, so that nothing is done before the request has come whole: what breaks off in the
 * middle is answered 400, which must be true.
 */
export async function passOverBody(c: Context<ApiEnv>): Promise<Problem | undefined> {
  const bytes = await readBytes(c, passedOverBytes);
  if (typeof bytes !== 'string') return undefined;
  if (bytes === 'no room') return noRoom;
  const rule = bytes === 'cut off' ? 'arrive whole: it was cut off' : 'be left out: it is large';
  return { kind: 'invalid_request', detail: `Cannot read the body as it must ${rule}` };
}

function unsupportedMedia(c: Context<ApiEnv>): Problem | undefined {
  const type = c.req.header('content-type') ?? '';
  const encoding = c.req.header('content-encoding') ?? 'identity';
  const isJson = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i.test(type);
  if (isJson && encoding.toLowerCase() === 'identity') return undefined;
  return {
    kind: 'unsupported_media_type',
    detail: isJson
      ? `Cannot read the body as it must not be compressed: current Content-Encoding is ${shown(encoding)}`
      : `Cannot read the body as its Content-Type must be application/json in UTF-8: current value is ${shown(type)}`,
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

/** Reads on for nothing. Left alone, the rest would stop, and the server cut a connection that it had called alive. */
async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // Cut off: there is nobody to tell.
  }
}

const noRoom: Problem = {
  kind: 'too_busy',
  detail: `Cannot read the body as all that this process holds must be at most ${mostBodyBytes} bytes: they are more`,
  headers: { 'Retry-After': '1' },
};

function tooLarge(maximumBytes: number): { readonly problem: Problem } {
  return refused(
    'body_too_large',
    `Cannot read the body as the request must be at most ${maximumBytes} bytes: it is larger`,
  );
}

function refused(kind: Problem['kind'], detail: string): { readonly problem: Problem } {
  return { problem: { kind, detail } };
}
