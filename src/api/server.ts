import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { internalError } from '../input/database-problem.ts';
import { type Problem, problemJson } from '../input/problem.ts';
import { problemKinds } from '../input/problems.ts';
import { answerClientError } from './client-error.ts';
import { Connections } from './connections.ts';
import { securityHeaders } from './security-headers.ts';

/** An app that is being served. */
export interface ServedApi {
  /** The real port if 0 was asked for. */
  readonly port: number;
  /** Takes no more requests, lets the running ones end, and cuts the rest after so many ms. */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves an app over HTTP.
 *
 * @throws if it cannot listen on the address: EADDRINUSE, EACCES, EADDRNOTAVAIL.
 */
export async function serveApi(options: {
  readonly app: { fetch(request: Request, env: object): Response | Promise<Response> };
  readonly host: string;
  readonly port: number;
  readonly mostConnections?: number;
  /** How long nothing may move on a connection while there is something to read or to write. */
  readonly silenceMs?: number;
  /** Instead of {@link arrival}. */
  readonly arrival?: Readonly<Record<keyof typeof arrival, number>>;
}): Promise<ServedApi> {
  const listener = getRequestListener(
    (request, env) => {
      const repeated = repeatedHeader(env.incoming.rawHeaders);
      return repeated === undefined
        ? options.app.fetch(request, env)
        : unreadableRequest(`The request has more than one ${repeated}`);
    },
    {
      // Posthorn may be a library in another program's process.
      overrideGlobalObjects: false,
      errorHandler: unreadable,
    },
  );
  const connections = new Connections({
    begin: (request, response) => void listener(request, response),
    most: options.mostConnections ?? mostConnections,
  });
  const server = createServer({ ...limits, ...(options.arrival ?? arrival) });
  server.timeout = options.silenceMs ?? silenceMs;
  connections.watch(server);
  server.on('clientError', (error, socket) => {
    // Complete requests before it are answered first. Otherwise this answer would be taken for theirs.
    const before = connections.breakOff(socket);
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
    close: (graceMs) => close(server, { graceMs, closeIdle: () => connections.closeIdle() }),
  };
}

/** A connection that is idle costs about 15 KiB. */
const mostConnections = 4_000;

/** Longer than the deadline of an answer. A client that does not read its answer is cut off then. */
const silenceMs = 60_000;

/** Within how many ms a request must arrive: its headers, and all of it. */
export const arrival = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  // How often the two limits are checked; 30 s by default.
  connectionsCheckingInterval: 2_000,
};

const limits = {
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
    ? unreadableRequest('The Host and the path make no valid URL')
    : answerAtOnce(internalError);
}

function unreadableRequest(detail: string): Response {
  return answerAtOnce({ kind: 'invalid_request', detail });
}

/**
 * The headers that may come once. If one comes twice, Node takes the first or joins them, and a proxy in front may have taken the
 * other (RFC 9112, section 3.2).
 */
const singleHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-type',
  'host',
  'idempotency-key',
  'origin',
  'sec-fetch-site',
]);

/** The first header that is there twice and must not be. Names and values take turns. */
function repeatedHeader(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return rawHeaders.find((given, at) => {
    const name = given.toLowerCase();
    if (at % 2 === 1 || !singleHeaders.has(name)) return false;
    if (seen.has(name)) return true;
    seen.add(name);
    return false;
  });
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

/** Closes idle connections again and again. A busy one becomes idle when its request ends, and is closed then. */
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
