import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** How the proxy answers CONNECT; `tunnel`: it connects to 127.0.0.1 and the port that was asked for, whatever the name. */
export type ProxyBehaviour = (socket: Socket, request: IncomingMessage) => void;

export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  readonly asked: readonly { readonly authority: string; readonly authorization?: string }[];
  /** Open connections from the client. */
  readonly open: number;
}

/** An HTTP proxy on 127.0.0.1 that knows CONNECT alone. */
export async function startProxy({
  behave = tunnel,
  tls,
}: {
  readonly behave?: ProxyBehaviour;
  readonly tls?: { readonly key: string; readonly cert: string };
} = {}): Promise<TestProxy> {
  const asked: { authority: string; authorization?: string }[] = [];
  const sockets = new Set<Socket>();
  const server: Server = tls === undefined ? createServer() : createSecureServer(tls);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    const authorization = request.headers['proxy-authorization'];
    asked.push({
      authority: request.url ?? '',
      ...(authorization === undefined ? {} : { authorization }),
    });
    socket.on('error', () => {});
    socket.once('end', () => socket.destroy());
    behave(socket, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export const tunnel: ProxyBehaviour = (socket, request) => {
  const port = Number(/:(\d+)$/.exec(request.url ?? '')?.[1]);
  const receiver = connect(port, '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    socket.pipe(receiver).pipe(socket);
  });
  receiver.on('error', () => socket.destroy());
  socket.once('close', () => receiver.destroy());
};

export function answering(head: string): ProxyBehaviour {
  return (socket) => socket.end(`HTTP/1.1 ${head}\r\n\r\n`);
}
