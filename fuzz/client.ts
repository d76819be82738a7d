import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { RequestBytes } from './draft.ts';
import { type ReadReply, type Reply, readReply } from './reply.ts';

/** What came back: the answers on the connection (more than one when a request was taken for two), or what was wrong with them. */
export interface Outcome {
  readonly replies: readonly Reply[];
  /** Undefined when all of what came was HTTP, and something came. */
  readonly fault: string | undefined;
  readonly ms: number;
}

const patienceMs = 10_000;
/** How long the subject may take to say something about a request that was cut off. */
const cutMs = 30;

/**
 * Sends bytes, whatever they are, and reads the answers: no HTTP client would send most of them. One request at a time, on one
 * connection that is kept, or on one of its own.
 */
export class RawClient implements Disposable {
  readonly #port: number;
  #kept: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  async ask(request: RequestBytes): Promise<Outcome> {
    const startMs = performance.now();
    const result = request.isAlone ? await this.#askAlone(request) : await this.#askKept(request);
    return { ...result, ms: performance.now() - startMs };
  }

  [Symbol.dispose](): void {
    this.#kept?.destroy();
    this.#kept = undefined;
  }

  async #askKept(request: RequestBytes): Promise<Omit<Outcome, 'ms'>> {
    const socket = this.#kept ?? this.#open();
    this.#kept = socket;
    const isHead = request.method === 'HEAD';
    let received = Buffer.alloc(0);
    socket.write(request.bytes);
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      const more = await nextBytes(socket, signal);
      if (more === 'late') return this.#drop('there was no answer within 10 s');
      const isEnded = more === 'ended';
      if (!isEnded) received = Buffer.concat([received, more]);
      if (isEnded && received.length === 0) {
        return this.#drop('the connection was closed without an answer');
      }
      const read = readFirst(received, { isHead, isEnded });
      if (read.kind === 'broken') return this.#drop(`what came is not HTTP: ${read.why}`);
      if (read.kind === 'partial') continue;
      if (isEnded || read.reply.headers.get('connection') === 'close') this[Symbol.dispose]();
      if (read.rest.length > 0) return this.#drop('more came than one answer');
      return { replies: [read.reply], fault: undefined };
    }
  }

  #drop(fault: string): Omit<Outcome, 'ms'> {
    this[Symbol.dispose]();
    return { replies: [], fault };
  }

  /** Until the other side closes; it is let go when it has answered, or when it waits for what will not come. */
  async #askAlone(request: RequestBytes): Promise<Omit<Outcome, 'ms'>> {
    const socket = this.#open();
    const isHead = request.method === 'HEAD';
    const replies: Reply[] = [];
    let received = Buffer.alloc(0);
    let isLate = false;
    socket.write(request.bytes);
    const hangUp = new AbortController();
    if (request.isCut) {
      void delay(cutMs, undefined, { signal: hangUp.signal }).then(
        () => socket.end(),
        () => {},
      );
    }
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      const more = await nextBytes(socket, signal);
      isLate = more === 'late';
      const isEnded = isLate || more === 'ended';
      if (typeof more !== 'string') received = Buffer.concat([received, more]);
      while (received.length > 0) {
        const read = readFirst(received, { isHead: isHead && replies.length === 0, isEnded });
        if (read.kind === 'broken') {
          socket.destroy();
          return { replies, fault: `what came is not HTTP: ${read.why}` };
        }
        if (read.kind === 'partial') break;
        replies.push(read.reply);
        received = Buffer.from(read.rest);
      }
      if (replies.length > 0) socket.end();
      if (isEnded) break;
    }
    hangUp.abort();
    socket.destroy();
    if (replies.length > 0) return { replies, fault: undefined };
    if (request.isCut && !isLate) return { replies, fault: undefined };
    return {
      replies,
      fault: isLate
        ? 'there was no answer within 10 s'
        : 'the connection was closed without an answer',
    };
  }

  #open(): Socket {
    const socket = connect({
      port: this.#port,
      host: '127.0.0.1',
      noDelay: true,
      allowHalfOpen: true,
    });
    // A reset is an end: what it means is judged by what came before.
    socket.on('error', () => {});
    return socket;
  }
}

/** Who could not read a request does not know that it is a HEAD, and answers with a body. */
function readFirst(bytes: Buffer, options: { isHead: boolean; isEnded: boolean }): ReadReply {
  const read = readReply(bytes, options);
  const isWithBody =
    options.isHead &&
    read.kind === 'whole' &&
    read.rest.length > 0 &&
    read.reply.headers.get('connection') === 'close';
  return isWithBody ? readReply(bytes, { ...options, isHead: false }) : read;
}

/** What comes next on a connection. */
function nextBytes(socket: Socket, signal: AbortSignal): Promise<Buffer | 'ended' | 'late'> {
  return new Promise((resolve) => {
    const done = (what: Buffer | 'ended' | 'late') => {
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
      signal.removeEventListener('abort', onLate);
      socket.pause();
      resolve(what);
    };
    const onData = (bytes: Buffer) => done(bytes);
    const onEnd = () => done('ended');
    const onLate = () => done('late');
    if (signal.aborted) return onLate();
    if (socket.destroyed || socket.readableEnded) return onEnd();
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    signal.addEventListener('abort', onLate);
    socket.resume();
  });
}
