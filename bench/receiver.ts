import { createServer, type Socket } from 'node:net';
import { answerParent } from '../harness/parent.ts';
import { type ReceivedRequest, RequestParser } from '../harness/request-parser.ts';
import { clockMs } from './clock.ts';
import { Books, WatchedBooks } from './receiver-books.ts';

/*
 * The receiver, a process of its own: 200 to every POST, as cheap as Node does it, and exact books about what came.
 *
 * node:net and a parser of a few lines in place of node:http, whose 50 µs a request would be a good part of what is
 * measured. Every id is noted; the signature of one request in a hundred is checked. Single endpoints can be told to
 * misbehave; they have books of their own.
 */

/** How an endpoint that is watched behaves: answers 200, answers 500, or accepts and never answers. */
export type Mood = 'well' | 'failing' | 'hanging';

/** What the parent may ask for. */
export type ReceiverRequest =
  /** Starts new books; says `first` with the first request and `all` when there are so many different ids. */
  | { readonly ask: 'reset'; readonly expected: number; readonly delayMs: number }
  | { readonly ask: 'counters' }
  /** When each id came first. */
  | { readonly ask: 'arrivals' }
  /** From now on the path has this mood, and books of its own. Requests that hang are answered with 200. */
  | { readonly ask: 'mood'; readonly path: string; readonly mood: Mood }
  /** What came to a path since it has a mood. */
  | { readonly ask: 'watched'; readonly path: string }
  /** The path is as all others again. */
  | { readonly ask: 'unwatch'; readonly path: string };

export type ReceiverEvent = 'first' | 'all';

interface WatchedPath {
  mood: Mood;
  readonly books: WatchedBooks;
  readonly hanging: Set<Socket>;
}

const ok = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
const sorry = Buffer.from('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 5\r\n\r\nsorry');

let books = new Books();
let expected = Number.POSITIVE_INFINITY;
let delayMs = 0;
const watched = new Map<string, WatchedPath>();

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
      books = new Books();
      expected = request.expected;
      delayMs = request.delayMs;
      return true;
    case 'counters':
      return books.counters;
    case 'arrivals':
      return books.arrivals;
    case 'mood':
      changeMood(request.path, request.mood);
      return true;
    case 'watched':
      return (watched.get(request.path)?.books ?? new WatchedBooks()).watched;
    case 'unwatch':
      watched.delete(request.path);
      return true;
    default:
      return request satisfies never;
  }
}

function changeMood(path: string, mood: Mood): void {
  const known = watched.get(path);
  if (known === undefined) {
    watched.set(path, { mood, books: new WatchedBooks(), hanging: new Set() });
    return;
  }
  known.mood = mood;
  for (const socket of known.hanging) accept(socket, known);
  known.hanging.clear();
}

function serve(socket: Socket): void {
  books.connections += 1;
  const parser = new RequestParser((request) => {
    const path = watched.size === 0 ? undefined : watched.get(request.path);
    if (path !== undefined) answerWatched(socket, { path, request });
    else {
      note(request);
      if (delayMs === 0) socket.write(ok);
      else setTimeout(() => socket.write(ok), delayMs);
    }
  });
  socket.on('data', (chunk) => parser.push(chunk));
  // Senders reset connections when they end.
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    for (const { hanging } of watched.values()) hanging.delete(socket);
  });
}

function note(request: ReceivedRequest): void {
  const { before, isNew } = books.note(request, clockMs());
  if (before === 0) process.send?.({ event: 'first' satisfies ReceiverEvent });
  if (isNew && books.arrivals.size === expected) {
    process.send?.({ event: 'all' satisfies ReceiverEvent });
  }
}

function answerWatched(
  socket: Socket,
  { path, request }: { path: WatchedPath; request: ReceivedRequest },
): void {
  path.books.note(request, clockMs());
  switch (path.mood) {
    case 'well':
      accept(socket, path);
      return;
    case 'failing':
      socket.write(sorry);
      return;
    case 'hanging':
      path.hanging.add(socket);
      return;
    default:
      path.mood satisfies never;
  }
}

function accept(socket: Socket, { books: its }: WatchedPath): void {
  its.accepted += 1;
  socket.write(ok);
}
