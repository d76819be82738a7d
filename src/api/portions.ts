import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/*
 * Gives the bytes of a socket to Node's parser in portions.
 *
 * One read brings 64 KiB, which may hold 2,000 requests. The parser reads them all at once and cannot be told to wait; they took
 * gigabytes, and seconds of the event loop when the connection ended. So it gets a few hundred bytes at a time, and no more while a
 * complete request is not answered. The rest stays in one buffer, then in the kernel, then with the client.
 */

/** Nine requests of the shortest kind. Most have more than one portion. */
const portionBytes = 256;
/** A portion of a body of unknown length. */
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
    // Makes Node hand over the bytes, which it would give to the parser itself.
    socket.on('data', (bytes: Buffer) => portions.#take(bytes));
    socket.removeListener('data', parse as Feed);
    // A handler that reads a body resumes the socket.
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

  /** Drops the bytes that are left. */
  end(): void {
    this.#isOver = true;
    this.#rest = Buffer.alloc(0);
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.goOn();
  }

  /** True after a complete request that is not answered, and while Node itself has paused: its parser takes nothing then. */
  #mustWait(): boolean {
    return this.#lastRequest()?.complete === true || Reflect.get(this.#socket, '_paused') === true;
  }

  /** The size of the next portion. A body of known length comes in one, except its last bytes, because requests may follow them. */
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
