import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** A request as it came over the wire. Header names in lower case. */
export interface ReceivedRequest {
  /** 1 for the first of this receiver. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface ReceiverOptions {
  /** Called with each complete request. Whatever it writes is sent as it is, so any misbehaviour is possible. */
  readonly onRequest?: (socket: Socket, request: ReceivedRequest) => void;
  /** Called with each connection, before anything was read. */
  readonly onConnection?: (socket: Socket) => void;
  /** Speak TLS with this key and certificate, PEM, and whatever else. */
  readonly tls?: TlsOptions & { readonly key: string; readonly cert: string };
  /** Default 0: any free port. */
  readonly port?: number;
  /** Where it listens. Default: 127.0.0.1. */
  readonly address?: string;
}

export interface Receiver extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:<port>/hook`, or https with TLS. */
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  /** TCP connections accepted so far. */
  readonly connections: number;
  /** Of those, the ones that are open now. */
  readonly open: number;
  /** Resolves when no connection is open. */
  whenIdle(): Promise<void>;
}

/** A real HTTP receiver on 127.0.0.1, on bare sockets so that it can break every rule. */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const { onRequest = (socket) => socket.write(answer(200)), onConnection, tls } = options;
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  const idle = new Set<() => void>();
  let connections = 0;
  const serve = (socket: Socket): void => {
    socket.on('error', () => {});
    onConnection?.(socket);
    readRequests(socket, (request) => {
      const numbered = { ...request, number: requests.length + 1 };
      requests.push(numbered);
      onRequest(socket, numbered);
    });
  };
  const server: Server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size > 0) return;
      for (const resolve of idle) resolve();
      idle.clear();
    });
  });
  server.on('tlsClientError', () => {});
  server.listen(options.port ?? 0, options.address ?? '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/hook`,
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    whenIdle: () =>
      sockets.size === 0 ? Promise.resolve() : new Promise((resolve) => idle.add(resolve)),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A well-formed response. Keep-alive unless the headers say otherwise. */
export function answer(
  status: number,
  { body = 'ok', headers = {} }: { body?: string; headers?: Record<string, string> } = {},
): string {
  const empty = status === 204 || status === 304;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = empty ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`;
  return `HTTP/1.1 ${status} Status\r\n${length}${lines.join('')}\r\n${empty ? '' : body}`;
}

/** Writes piece after piece, `everyMs` apart, until the connection closes. */
export function drip(
  socket: Socket,
  { pieces, everyMs }: { pieces: Iterable<string>; everyMs: number },
): void {
  const iterator = pieces[Symbol.iterator]();
  const timer = setInterval(() => {
    const { value, done } = iterator.next();
    if (done === true || socket.destroyed) clearInterval(timer);
    else socket.write(value);
  }, everyMs);
  socket.once('close', () => clearInterval(timer));
}

/** Forever the same. */
export function* endless(piece: string): Generator<string> {
  for (;;) yield piece;
}

/** A port of 127.0.0.1 where nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function readRequests(
  socket: Socket,
  onRequest: (request: Omit<ReceivedRequest, 'number'>) => void,
): void {
  let buffered = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      const headEnd = buffered.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const [requestLine = '', ...lines] = buffered.toString('latin1', 0, headEnd).split('\r\n');
      const [method = '', path = ''] = requestLine.split(' ');
      const headers = Object.fromEntries(lines.map(headerOf));
      const end = headEnd + 4 + Number(headers['content-length'] ?? 0);
      if (buffered.length < end) return;
      const body = buffered.subarray(headEnd + 4, end);
      buffered = buffered.subarray(end);
      onRequest({ method, path, headers, body });
    }
  });
}

function headerOf(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
