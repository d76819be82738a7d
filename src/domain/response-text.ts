// Pure: no I/O, no clock, no randomness.

import { maxBodyBytes, type ResponseResult } from './attempt-result.ts';

export interface ResponseText {
  /** Valid Unicode without NUL, at most {@link maxBodyBytes} as UTF-8: Postgres can store it as text. */
  readonly text: string;
  readonly truncated: boolean;
}

/**
 * Turns the body of a response into text to store.
 *
 * Compressed bodies are named and not unpacked: 200 kB of gzip can be 200 MB. Invalid UTF-8 and NUL become U+FFFD.
 */
export function responseText(
  response: Pick<ResponseResult, 'body' | 'contentEncoding' | 'truncated'>,
): ResponseText {
  const { body, contentEncoding = 'identity', truncated } = response;
  if (body.length === 0) return { text: '', truncated };
  if (contentEncoding.trim().toLowerCase() !== 'identity') {
    const encoding = storable(contentEncoding).slice(0, 40);
    return { text: `(${encoding}, ${body.length} bytes)`, truncated };
  }
  const text = storable(utf8(body));
  // Each invalid byte becomes three bytes as U+FFFD.
  if (text.length * 3 <= maxBodyBytes || Buffer.byteLength(text) <= maxBodyBytes) {
    return { text, truncated };
  }
  const cut = Buffer.from(text).toString('utf8', 0, maxBodyBytes - 3);
  return { text: cut, truncated: true };
}

/** Replaces NUL characters, which Postgres refuses, and lone surrogates. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
