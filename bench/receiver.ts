import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { clockMs } from './clock.ts';
import { answerParent } from './parent.ts';
import { type ReceivedRequest, RequestParser } from './request-parser.ts';
import { secretOf } from './traffic.ts';

/*
 * The receiver, a process of its own: 200 to every POST, as cheap as Node does it, and exact books about what came.
 *
 * node:net and a parser of a few lines in place of node:http, whose 50 µs a request would be a good part of what is
 * measured. Every id is noted; the signature of one request in a hundred is checked, with code of its own.
 */

export interface ReceiverCounters {
  readonly requests: number;
  readonly uniqueIds: number;
  readonly signaturesChecked: number;
  readonly badSignatures: number;
  readonly connections: number;
  /** When the first and the last request came, clockMs(). */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What the parent may ask for. */
export type ReceiverRequest =
  /** Starts new books; says `first` with the first request and `all` when there are so many different ids. */
  | { readonly ask: 'reset'; readonly expected: number; readonly delayMs: number }
  | { readonly ask: 'counters' }
  /** When each id came first. */
  | { readonly ask: 'arrivals' };

export type ReceiverEvent = 'first' | 'all';

const checkOneIn = 100;
const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');

let arrivals = new Map<string, number>();
let counters = newCounters();
let expected = Number.POSITIVE_INFINITY;
let delayMs = 0;

const server = createServer({ noDelay: true }, serve);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 }, () => {
  const address = server.address();
  answerParent<ReceiverRequest>({
    ready: typeof address === 'object' ? address?.port : undefined,
    answer: reply,
  });
});

function reply(request: ReceiverRequest): unknown {
  switch (request.ask) {
    case 'reset':
      arrivals = new Map();
      counters = newCounters();
      expected = request.expected;
      delayMs = request.delayMs;
      return true;
    case 'counters':
      return { ...counters, uniqueIds: arrivals.size } satisfies ReceiverCounters;
    case 'arrivals':
      return arrivals;
    default:
      return request satisfies never;
  }
}

function serve(socket: Socket): void {
  counters.connections += 1;
  const parser = new RequestParser((request) => {
    note(request);
    if (delayMs === 0) socket.write(answer);
    else setTimeout(() => socket.write(answer), delayMs);
  });
  socket.on('data', (chunk) => parser.push(chunk));
  // Senders reset connections when they end.
  socket.on('error', () => socket.destroy());
}

function note(request: ReceivedRequest): void {
  const nowMs = clockMs();
  counters.requests += 1;
  counters.lastMs = nowMs;
  if (counters.requests === 1) {
    counters.firstMs = nowMs;
    process.send?.({ event: 'first' satisfies ReceiverEvent });
  }
  const id = request.header('webhook-id') ?? '';
  if (!arrivals.has(id)) {
    arrivals.set(id, nowMs);
    if (arrivals.size === expected) process.send?.({ event: 'all' satisfies ReceiverEvent });
  }
  if (counters.requests % checkOneIn === 1) {
    counters.signaturesChecked += 1;
    if (!isSigned(request, id)) counters.badSignatures += 1;
  }
}

/** Standard Webhooks: HMAC-SHA256 of `id.timestamp.body` under the key of the endpoint. */
function isSigned(request: ReceivedRequest, id: string): boolean {
  const secret = secretOf(Number(request.path.split('/').at(-1)));
  const wanted = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
    .update(`${id}.${request.header('webhook-timestamp')}.`)
    .update(request.body)
    .digest();
  const given = request.header('webhook-signature') ?? '';
  return given.split(' ').some((signature) => {
    const bytes = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
    return bytes.length === wanted.length && timingSafeEqual(bytes, wanted);
  });
}

function newCounters() {
  return {
    requests: 0,
    signaturesChecked: 0,
    badSignatures: 0,
    connections: 0,
    firstMs: 0,
    lastMs: 0,
  };
}
