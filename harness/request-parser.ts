/*
 * The least HTTP/1.1 that a benchmark's receiver needs: requests with a Content-Length over a kept connection.
 *
 * Most chunks are exactly one request; what is cut is kept until the rest comes.
 */

/** One request as it came. */
export interface ReceivedRequest {
  readonly path: string;
  /** A header's value by its lower-case name. */
  header(name: string): string | undefined;
  readonly body: Buffer;
}

const endOfHead = Buffer.from('\r\n\r\n');

export class RequestParser {
  readonly #onRequest: (request: ReceivedRequest) => void;
  #rest: Buffer | undefined;

  constructor(onRequest: (request: ReceivedRequest) => void) {
    this.#onRequest = onRequest;
  }

  /** @throws when a request has no Content-Length. */
  push(chunk: Buffer): void {
    let data = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    while (data.length > 0) {
      const headEnd = data.indexOf(endOfHead);
      if (headEnd < 0) break;
      const request = new Head(data.toString('latin1', 0, headEnd));
      const end = headEnd + endOfHead.length + request.contentLength;
      if (data.length < end) break;
      this.#onRequest(request.with(data.subarray(headEnd + endOfHead.length, end)));
      data = data.subarray(end);
    }
    if (data.length > 0) this.#rest = data;
  }
}

class Head implements ReceivedRequest {
  readonly #text: string;
  body: Buffer = Buffer.alloc(0);

  constructor(text: string) {
    this.#text = text;
  }

  get path(): string {
    const start = this.#text.indexOf(' ') + 1;
    return this.#text.slice(start, this.#text.indexOf(' ', start));
  }

  get contentLength(): number {
    const length = Number(this.header('content-length') ?? Number.NaN);
    if (Number.isNaN(length)) throw new Error('Cannot read a request without Content-Length');
    return length;
  }

  with(body: Buffer): this {
    this.body = body;
    return this;
  }

  header(name: string): string | undefined {
    const mark = `\r\n${name}:`;
    let at = this.#text.indexOf(mark);
    // Nearly all senders write lower case; the others cost a copy.
    if (at < 0) at = this.#text.toLowerCase().indexOf(mark);
    if (at < 0) return undefined;
    const start = at + mark.length;
    const end = this.#text.indexOf('\r\n', start);
    return this.#text.slice(start, end < 0 ? undefined : end).trim();
  }
}
