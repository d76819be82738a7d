import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { PerTurn } from './per-turn.ts';
import { Portions } from './portions.ts';

/** How many requests begin in a turn of the event loop. A turn takes one new connection, so turns must be short, or new clients wait. */
const mostBegunPerTurn = 2;

interface Connection {
  readonly socket: Socket;
  /** Answers that are not sent yet, in the order of their requests. The first has begun, or begins in a later turn of the event loop. */
  readonly unanswered: ServerResponse[];
  readonly portions: Portions | undefined;
}

/**
 * The connections of a server. It decides when requests begin: one after the other on each connection, and a few in a turn of the
 * event loop. So a client that reads nothing keeps one answer in memory, and requests of an ended connection never begin.
 */
export class Connections {
  readonly #begin: (request: IncomingMessage, response: ServerResponse) => void;
  readonly #most: number;
  readonly #known = new Map<Duplex, Connection>();
  /** Idle connections; the one that has been idle for longest comes first. */
  readonly #idle = new Set<Connection>();
  readonly #usual = new PerTurn(mostBegunPerTurn);
  /** Requests for the health have a queue of their own, so that they need not wait behind all others. */
  readonly #urgent = new PerTurn(mostBegunPerTurn);

  constructor({
    begin,
    most,
  }: {
    readonly begin: (request: IncomingMessage, response: ServerResponse) => void;
    /** The most connections. One more ends the connection that has been idle for longest. */
    readonly most: number;
  }) {
    this.#begin = begin;
    this.#most = most;
  }

  /** Takes the connections of a server. */
  watch(server: Server): void {
    server.on('connection', (socket) => this.#add(socket));
    server.on('request', (request, response) => this.#take(request, response));
  }

  /** Closes the connections on which no request is running, also those that never had one. */
  closeIdle(): void {
    for (const { socket } of this.#idle) socket.destroySoon();
  }

  /**
   * After bytes that are no HTTP: drops what has not come whole, and returns the answer to the last request that has and is not
   * answered yet.
   */
  breakOff(socket: Duplex): ServerResponse | undefined {
    const connection = this.#known.get(socket);
    if (connection === undefined) return undefined;
    const { unanswered, portions } = connection;
    portions?.end();
    while (unanswered.length > 1 && unanswered.at(-1)?.req.complete === false) unanswered.pop();
    const last = unanswered.at(-1);
    return last?.req.complete ? last : undefined;
  }

  #add(socket: Socket): void {
    if (this.#known.size >= this.#most) {
      const [oldest] = this.#idle;
      if (oldest === undefined) {
        socket.destroy();
        return;
      }
      this.#forget(oldest);
      oldest.socket.destroy();
    }
    const unanswered: ServerResponse[] = [];
    const portions = Portions.of(socket, () => unanswered.at(-1)?.req);
    const connection: Connection = { socket, unanswered, portions };
    this.#known.set(socket, connection);
    this.#idle.add(connection);
    socket.once('close', () => this.#forget(connection));
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#known.get(request.socket);
    if (connection === undefined || connection.socket.destroyed) return;
    connection.unanswered.push(response);
    if (connection.unanswered.length > 1) return;
    this.#idle.delete(connection);
    this.#start(connection, response);
  }

  #start(connection: Connection, response: ServerResponse): void {
    const { req: request } = response;
    response.once('close', () => this.#ended(connection));
    const turns = isUrgent(request) ? this.#urgent : this.#usual;
    turns.run(() => {
      if (!connection.socket.destroyed) this.#begin(request, response);
    });
  }

  #ended(connection: Connection): void {
    const { socket, unanswered, portions } = connection;
    if (!this.#known.has(socket)) return;
    unanswered.shift();
    const [next] = unanswered;
    if (next === undefined) this.#idle.add(connection);
    else this.#start(connection, next);
    portions?.goOn();
  }

  #forget(connection: Connection): void {
    this.#known.delete(connection.socket);
    this.#idle.delete(connection);
    connection.unanswered.length = 0;
    connection.portions?.end();
  }
}

function isUrgent({ url }: IncomingMessage): boolean {
  return /^\/(healthz|readyz)(\?|$)/.test(url ?? '');
}
