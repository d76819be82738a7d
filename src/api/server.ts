import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
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
  server.on('clientError', answerClientError);
  const closeIdle = trackConnections(server);
  server.listen({ host: options.host, port: options.port });
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: (graceMs) => close(server, { graceMs, closeIdle }),
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

/**
 * Returns what closes the connections that no request is under way on. Node's own closeIdleConnections() spares those on
 * which there never was one, such as a browser's spare connection, and they would hold a stop up for its whole grace.
 */
function trackConnections(server: Server): () => void {
  const requestsOf = new Map<Socket, number>();
  const count = (socket: Socket, change: number) => {
    const requests = requestsOf.get(socket);
    if (requests !== undefined) requestsOf.set(socket, requests + change);
  };
  server.on('connection', (socket) => {
    requestsOf.set(socket, 0);
    socket.once('close', () => requestsOf.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });
  return () => {
    for (const [socket, requests] of requestsOf) if (requests === 0) socket.destroySoon();
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
