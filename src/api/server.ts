import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { answerClientError } from './client-error.ts';
import { problemJson } from './problem.ts';

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
    getRequestListener((request, env) => options.app.fetch(request, env), {
      // The process may be somebody else's, with Posthorn as a library in it.
      overrideGlobalObjects: false,
      errorHandler: unreadable,
    }),
  );
  server.on('clientError', answerClientError);
  server.listen({ host: options.host, port: options.port });
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: (graceMs) => close(server, graceMs),
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
};

/** The Host header or the path cannot be made a URL. */
function unreadable(): Response {
  const detail = 'Cannot read the request as its Host and path must make a URL: they do not';
  return new Response(problemJson({ kind: 'invalid_request', detail }, 'unknown'), {
    status: 400,
    headers: { 'content-type': 'application/problem+json' },
  });
}

/** A connection under way becomes idle when its request ends, and is then closed, too. */
async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const ended = new AbortController();
  const graceOver = delay(graceMs, undefined, { signal: ended.signal }).catch(() => {});
  await Promise.race([closed, graceOver]);
  ended.abort();
  clearInterval(sweep);
  server.closeAllConnections();
  await closed;
}
