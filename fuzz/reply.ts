// Pure: no I/O, no clock, no randomness.

/** An answer as it came over the wire. */
export interface Reply {
  readonly status: number;
  /** Names in lower case; values that came more than once joined by ", ". */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** All of it: for looking for what must not be in it. */
  readonly raw: Buffer;
}

export type ReadReply =
  | { readonly kind: 'whole'; readonly reply: Reply; readonly rest: Buffer }
  | { readonly kind: 'partial' }
  | { readonly kind: 'broken'; readonly why: string };

/**
 * Reads one answer from the front of the bytes, strictly: what a client could misunderstand is broken. Interim answers (1xx) are
 * passed over.
 *
 * @param options.isHead the request was a HEAD: there is no body, whatever the headers say.
 * @param options.isEnded no more bytes will come.
 */
export function readReply(
  bytes: Buffer,
  { isHead, isEnded }: { readonly isHead: boolean; readonly isEnded: boolean },
): ReadReply {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return isEnded ? broken('the headers do not end') : { kind: 'partial' };
  const [line = '', ...fields] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [ -~]*$/.exec(line)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) return broken(`the first line is ${JSON.stringify(line.slice(0, 80))}`);
  const headers = new Map<string, string>();
  for (const field of fields) {
    const [, name, value = ''] =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(field) ?? [];
    if (name === undefined) return broken(`a header is ${JSON.stringify(field.slice(0, 80))}`);
    const known = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
  }
  const rest = bytes.subarray(end + 4);
  if (status < 200) return readReply(rest, { isHead, isEnded });
  const body = readBody(rest, { status, headers, isHead, isEnded });
  if ('kind' in body) return body;
  const raw = bytes.subarray(0, end + 4 + body.taken);
  const reply = { status, headers, body: body.body, raw };
  return { kind: 'whole', reply, rest: rest.subarray(body.taken) };
}

interface Body {
  readonly body: Buffer;
  readonly taken: number;
}

function readBody(
  bytes: Buffer,
  options: {
    readonly status: number;
    readonly headers: ReadonlyMap<string, string>;
    readonly isHead: boolean;
    readonly isEnded: boolean;
  },
): Body | Exclude<ReadReply, { kind: 'whole' }> {
  const { status, headers, isHead, isEnded } = options;
  if (isHead || status === 204 || status === 304) return { body: Buffer.alloc(0), taken: 0 };
  const length = headers.get('content-length');
  const isChunked = headers.get('transfer-encoding') === 'chunked';
  if (length !== undefined && isChunked) return broken('it has both a length and chunks');
  if (isChunked) return readChunks(bytes) ?? incomplete(isEnded);
  if (length === undefined) {
    return isEnded ? { body: bytes, taken: bytes.length } : { kind: 'partial' };
  }
  if (!/^\d+$/.test(length)) return broken(`its length is ${length}`);
  const taken = Number(length);
  return bytes.length < taken ? incomplete(isEnded) : { body: bytes.subarray(0, taken), taken };
}

function readChunks(bytes: Buffer): Body | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const start = lineEnd + 2;
    if (bytes.length < start + size + 2) return undefined;
    parts.push(bytes.subarray(start, start + size));
    at = start + size + 2;
    if (size === 0) return { body: Buffer.concat(parts), taken: at };
  }
}

function incomplete(isEnded: boolean): Exclude<ReadReply, { kind: 'whole' }> {
  return isEnded ? broken('it ends before its body does') : { kind: 'partial' };
}

function broken(why: string): Exclude<ReadReply, { kind: 'whole' }> {
  return { kind: 'broken', why };
}
