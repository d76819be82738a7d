import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { answerClientError } from './client-error.ts';
import { internalError } from './database-problem.ts';
import { type Problem, problemJson } from './problem.ts';
import { problemKinds } from './problems.ts';
import { securityHeaders } from './security-headers.ts';

/** An app that is being served. */
export interface ServedApi {
  /** The real one, when 0 was asked for. */
  readonly port: number;
  /** Takes no more requests, lets those under way end, and cuts what is left after so many ms. */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves an app over HTTP.
 *
 * @throws when the address cannot be listened on: EADDRINUSE, EACCES, EADDRNOTAVAIL.
 */
export async function serveApi(options: {
  readonly app: { fetch(request: Request, env: object): Response | Promise<Response> };
  readonly host: string;
  readonly port: number;
}): Promise<ServedApi> {
  const server = createServer(
    limits,
    getRequestListener(
      (request, env) =>
        countHosts(env.incoming.rawHeaders) > 1
          ? unreadableRequest('Cannot read the request as it must have one Host: it has more')
          : options.app.fetch(request, env),
      {
        // The process may be somebody else's, with Posthorn as a library in it.
        overrideGlobalObjects: false,
        errorHandler: unreadable,
      },
    ),
  );
  const connections = trackConnections(server);
  server.on('clientError', (error, socket) => {
    // What came whole before it is answered first: its answer would else be taken for that of a request that was carried out.
    const before = connections.lastWhole(socket);
    if (before === undefined) answerClientError(error, socket);
    else before.once('close', () => answerClientError(error, socket));
  });
  // RFC 9110 lets a server pass over an Expect that it does not know; Node's 417 would have neither a body nor our headers.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.listen({ host: options.host, port: options.port });
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: (graceMs) => close(server, { graceMs, closeIdle: connections.closeIdle }),
  };
}

const limits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  // How often the two are looked at; 30 s by default.
  connectionsCheckingInterval: 2_000,
  // Longer than load balancers keep theirs (60 s), or they would send a request into a connection just closed.
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16 * 1024,
  // Looked at by the listener, whose answer is a problem.
  requireHostHeader: false,
};

/** Without a Host, or with one that makes no URL together with the path, there is no request to give to the app. */
function unreadable(error: unknown): Response {
  const isTheirs = error instanceof Error && error.name === 'RequestError';
  return isTheirs
    ? unreadableRequest('Cannot read the request as its Host and path must make a URL: they do not')
    : answerAtOnce(internalError);
}

function unreadableRequest(detail: string): Response {
  return answerAtOnce({ kind: 'invalid_request', detail });
}

/** Of two, a proxy in front may have looked at the other (RFC 9112, section 3.2). Names and values take turns. */
function countHosts(rawHeaders: readonly string[]): number {
  return rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host').length;
}

function answerAtOnce(problem: Problem): Response {
  return new Response(problemJson(problem, randomUUID()), {
    status: problemKinds[problem.kind].status,
    headers: {
      ...securityHeaders,
      'content-type': 'application/problem+json',
      connection: 'close',
    },
  });
}

interface Connections {
  /** Closes the connections that no request is under way on. */
  closeIdle(): void;
  /** The answer to the last request that has come whole and is under way. */
  lastWhole(socket: Duplex): ServerResponse | undefined;
}

/**
 * Keeps count of what is under way. Node's own closeIdleConnections() spares connections on which there never was a
 * request, such as a browser's spare one, and they would hold a stop up for its whole grace.
 */
function trackConnections(server: Server): Connections {
  const known = new Map<
    Duplex,
    { readonly socket: Socket; readonly underWay: Set<ServerResponse> }
  >();
  server.on('connection', (socket) => {
    known.set(socket, { socket, underWay: new Set() });
    socket.once('close', () => known.delete(socket));
  });
  server.on('request', (request, response) => {
    const connection = known.get(request.socket);
    connection?.underWay.add(response);
    response.once('close', () => connection?.underWay.delete(response));
  });
  return {
    closeIdle() {
      for (const { socket, underWay } of known.values()) {
        if (underWay.size === 0) socket.destroySoon();
      }
    },
    lastWhole: (socket) =>
      [...(known.get(socket)?.underWay ?? [])].findLast(({ req }) => req.complete),
  };
}

/** A connection under way becomes idle when its request ends, and is closed by a later sweep. */
async function close(
  server: Server,
  { graceMs, closeIdle }: { readonly graceMs: number; readonly closeIdle: () => void },
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  closeIdle();
  const sweep = setInterval(closeIdle, 20);
  const ended = new AbortController();
  const graceOver = delay(graceMs, undefined, { signal: ended.signal }).catch(() => {});
  await Promise.race([closed, graceOver]);
  ended.abort();
  clearInterval(sweep);
  server.closeAllConnections();
  await closed;
}
