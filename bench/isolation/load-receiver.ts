import { createServer, type Server, type Socket } from 'node:net';
import { answerParent } from '../../harness/parent.ts';
import { drip } from '../../harness/receivers.ts';
import { RequestParser } from '../../harness/request-parser.ts';
import { clockMs } from '../clock.ts';

/*
 * The receiver of the load from others, a process of its own: what it does must not delay the clock of the receiver of the
 * healthy tenants. It has a port for each way to behave.
 */

export type Behaviour = (typeof behaviours)[number];
const behaviours = ['hangs', 'fails', 'answers', 'drips', 'never reads'] as const;

export type LoadPorts = Readonly<Record<Behaviour, number>>;

export type LoadQuestion =
  /** Starts new books. With the sizes of the backlogs of tenants, it notes who got what and when: see {@link Turns}. */
  | { readonly ask: 'open'; readonly sizes?: readonly number[] }
  | { readonly ask: 'counters' }
  | { readonly ask: 'turns' }
  /** Closes all connections, and each that comes. */
  | { readonly ask: 'let go' };

/** The first tenant has all its webhooks. */
export type LoadEvent = 'exhausted';

export interface LoadCounters {
  /** Requests that were read; connections, where nothing is read. */
  readonly requests: number;
  /** Most connections at once. */
  readonly mostOpen: number;
}

/** Which tenant's webhook came when: the nth of both lists belong together. Tenants are numbered from 1. */
export interface Turns {
  readonly tenants: number[];
  /** clockMs(). */
  readonly times: number[];
}

const ok = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
const sorry = Buffer.from('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 5\r\n\r\nsorry');
/** More than anybody waits for, a byte a second. */
const drops = `HTTP/1.1 200 OK\r\nx-slow: ${'x'.repeat(10_000)}`;

const sockets = new Set<Socket>();
let requests = 0;
let mostOpen = 0;
let isGone = false;
let turns: Turns = { tenants: [], times: [] };
/** Of each tenant, how many are still to come; empty unless turns are noted. */
let left: number[] = [];

const servers = behaviours.map((behaviour) =>
  createServer({ noDelay: true, pauseOnConnect: behaviour === 'never reads' }, (socket) =>
    serve(socket, behaviour),
  ),
);
const ports = await Promise.all(servers.map(listen));
answerParent<LoadQuestion>({
  ready: Object.fromEntries(behaviours.map((behaviour, at) => [behaviour, ports[at]])),
  answer: reply,
});

function listen(server: Server): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 }, () => {
    const address = server.address();
    resolve(typeof address === 'object' ? (address?.port ?? 0) : 0);
  });
  return promise;
}

function reply(question: LoadQuestion): unknown {
  switch (question.ask) {
    case 'open':
      requests = 0;
      mostOpen = 0;
      isGone = false;
      turns = { tenants: [], times: [] };
      left = [0, ...(question.sizes ?? [])];
      return true;
    case 'counters':
      return { requests, mostOpen } satisfies LoadCounters;
    case 'turns':
      return turns;
    case 'let go':
      isGone = true;
      for (const socket of sockets) socket.destroy();
      return true;
    default:
      return question satisfies never;
  }
}

function serve(socket: Socket, behaviour: Behaviour): void {
  socket.on('error', () => socket.destroy());
  if (isGone) {
    socket.destroy();
    return;
  }
  sockets.add(socket);
  mostOpen = Math.max(mostOpen, sockets.size);
  socket.once('close', () => sockets.delete(socket));
  if (behaviour === 'never reads') {
    requests += 1;
    return;
  }
  const parser = new RequestParser(({ path }) => {
    requests += 1;
    if (left.length > 1) noteTurn(path);
    respond(socket, behaviour);
  });
  socket.on('data', (chunk) => parser.push(chunk));
}

function respond(socket: Socket, behaviour: Exclude<Behaviour, 'never reads'>): void {
  switch (behaviour) {
    case 'hangs':
      return;
    case 'fails':
      socket.write(sorry);
      return;
    case 'answers':
      socket.write(ok);
      return;
    case 'drips':
      drip(socket, { pieces: drops, everyMs: 1_000 });
      return;
    default:
      behaviour satisfies never;
  }
}

/** The path is /tenant/lane. */
function noteTurn(path: string): void {
  const tenant = Number(path.slice(1, path.indexOf('/', 1)));
  turns.tenants.push(tenant);
  turns.times.push(clockMs());
  const now = (left[tenant] ?? 0) - 1;
  left[tenant] = now;
  if (now === 0) process.send?.({ event: 'exhausted' satisfies LoadEvent });
}
