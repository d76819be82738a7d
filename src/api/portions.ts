import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/*
 * What a socket brings, given to Node's parser in portions.
 *
 * One read brings 64 KiB, in which there may be 2,000 requests. The parser makes them all at once and cannot be told to wait; they took
 * gigabytes, and seconds of the event loop when the connection ended. So it gets a few hundred bytes, and no more while a request that has
 * come whole is not answered. The rest stays in one buffer, then in the kernel, then with the client.
 */

/** Nine requests of the shortest kind. Most have more than one portion. */
const portionBytes = 256;
/** Of a body that does not say how long it is. */
const chunkedBytes = 1_024;

type Feed = (bytes: Buffer) => void;

export class Portions {
  readonly #socket: Socket;
  readonly #feed: Feed;
  readonly #lastRequest: () => IncomingMessage | undefined;
  #rest: Buffer = Buffer.alloc(0);
  /** The request whose body is coming, and at least how many bytes of it are still to come. */
  #body: { readonly of: IncomingMessage; leftBytes: number } | undefined;
  #isPaused = false;
  #isOver = false;

  private constructor(options: {
    readonly socket: Socket;
    readonly feed: Feed;
    readonly lastRequest: () => IncomingMessage | undefined;
  }) {
    this.#socket = options.socket;
    this.#feed = options.feed;
    this.#lastRequest = options.lastRequest;
  }

  /**
   * Steps between a socket and Node's parser, which must listen to it already. undefined: it does not, and what comes is not looked at.
   *
   * @param lastRequest the one that came last and is not answered
   */
  static of(socket: Socket, lastRequest: () => IncomingMessage | undefined): Portions | undefined {
    const [parse] = socket.listeners('data');
    if (parse === undefined) return undefined;
    const feed: Feed = (bytes) => void Reflect.apply(parse, socket, [bytes]);
    const portions = new Portions({ socket, feed, lastRequest });
    // Has Node hand the bytes over, which it else gives to the parser by itself.
    socket.on('data', (bytes: Buffer) => portions.#take(bytes));
    socket.removeListener('data', parse as Feed);
    // Whoever reads a body has the socket go on.
    socket.on('resume', () => portions.goOn());
    return portions;
  }

  /** Goes on after an answer. */
  goOn(): void {
    while (this.#rest.length > 0 && !this.#mustWait()) {
      const portion = this.#rest.subarray(0, this.#nextBytes());
      this.#rest = this.#rest.subarray(portion.length);
      this.#feed(portion);
      if (this.#body !== undefined) this.#body.leftBytes -= portion.length;
    }
    if (this.#rest.length > 0) {
      this.#isPaused = true;
      this.#socket.pause();
    } else if (this.#isPaused) {
      this.#isPaused = false;
      this.#socket.resume();
    }
  }

  /** Drops what is left. */
  end(): void {
    this.#isOver = true;
    this.#rest = Buffer.alloc(0);
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.goOn();
  }

  /** Also while Node itself has paused: its parser takes nothing then, and it resumes the socket. */
  #mustWait(): boolean {
    return this.#lastRequest()?.complete === true || Reflect.get(this.#socket, '_paused') === true;
  }

  /** Up to the end of a body in one portion, if it says how long it is, but for its last bytes: what follows them comes in small ones. */
  #nextBytes(): number {
    const request = this.#lastRequest();
    if (request === undefined) {
      this.#body = undefined;
      return portionBytes;
    }
    if (request.headers['transfer-encoding'] !== undefined) return chunkedBytes;
    if (this.#body?.of !== request) {
      const bytes = Number(request.headers['content-length'] ?? 0);
      // The portion in which its headers ended may have held some of it.
      this.#body = { of: request, leftBytes: bytes - portionBytes };
    }
    return Math.max(portionBytes, this.#body.leftBytes);
  }
}
