/*
 * Lets undici skip an unexpected `100 Continue`.
 *
 * A client must be able to parse 1xx responses "even if the client does not expect one" (RFC 9110, 15.2). undici 8
 * skips 102 to 199, but destroys the connection on 100. So the last digit of a 100 is changed to 2 on its way to the
 * parser. Only the heads of interim responses are read byte by byte: from the first byte of another status on,
 * everything up to the next request passes unchanged.
 */

const zero = '0'.charCodeAt(0);
const two = '2'.charCodeAt(0);
const one = '1'.charCodeAt(0);
const space = ' '.charCodeAt(0);
const cr = 13;
const lf = 10;
const start = Buffer.from('HTTP/1.');
/** The position of the status code, after `HTTP/1.1 `. */
const codeAt = 9;

export class ContinueFilter {
  /** True while it reads the head of a response that is, or may be, an interim one. */
  #isLooking = false;
  /** Bytes of the status line read so far, up to the end of the code. */
  #at = 0;
  /** The second digit of the code. */
  #tens = 0;
  /** The response is a 1xx: the next one begins after its empty line. */
  #isInterim = false;
  /** Bytes since the end of the last line, carriage returns left out. */
  #lineLength = 0;

  /** A request begins: the next byte is the first of its response. */
  requestBegins(): void {
    this.#isLooking = true;
    this.#responseBegins();
  }

  /** Changes each `100` in place. */
  pass(chunk: Buffer): void {
    for (let index = 0; this.#isLooking && index < chunk.length; index += 1) {
      const byte = chunk[index] ?? 0;
      if (this.#isInterim) this.#readHead(byte);
      else if (this.#readStatus(byte)) chunk[index] = two;
    }
  }

  #responseBegins(): void {
    this.#at = 0;
    this.#isInterim = false;
    this.#lineLength = 1;
  }

  /** Returns whether this byte is the last digit of a 100. */
  #readStatus(byte: number): boolean {
    const at = this.#at;
    // Empty lines before a response are allowed (RFC 9112, 2.2).
    if (at === 0 && (byte === cr || byte === lf)) return false;
    this.#at += 1;
    if (at < start.length) this.#isLooking = byte === start[at];
    else if (at === codeAt - 1) this.#isLooking = byte === space;
    else if (at === codeAt) this.#isLooking = byte === one;
    else if (at === codeAt + 1) this.#tens = byte;
    else if (at === codeAt + 2) {
      this.#isInterim = true;
      return this.#tens === zero && byte === zero;
    }
    return false;
  }

  /** Reads up to the empty line, after which another response follows. */
  #readHead(byte: number): void {
    if (byte === cr) return;
    if (byte !== lf) this.#lineLength += 1;
    else if (this.#lineLength === 0) this.#responseBegins();
    else this.#lineLength = 0;
  }
}
