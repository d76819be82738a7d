import { connect, type Socket } from 'node:net';
import { type Flood, floods, type Sent } from './floods.ts';

/*
 * A process that floods a port. Told by a message what with and for how long, it answers with what it has sent. A connection that the server
 * ends is followed by another.
 */

export interface FloodOrder {
  readonly port: number;
  readonly name: string;
  readonly ms: number;
}

process.once('message', (order: FloodOrder) => void run(order));

async function run({ port, name, ms }: FloodOrder): Promise<void> {
  const flood = floods.find((known) => known.name === name);
  if (flood === undefined) throw new Error(`No flood ${name}`);
  const bytes = Buffer.concat(Array(flood.requestsAtOnce).fill(flood.request));
  const open = new Set<Socket>();
  let connections = 0;
  let requests = 0;
  const write = (socket: Socket) => {
    requests += flood.requestsAtOnce;
    return socket.write(bytes);
  };
  const add = () => {
    const socket = connect(port, '127.0.0.1');
    connections += 1;
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => open.delete(socket));
    socket.once('connect', () => write(socket));
    if (flood.reads) socket.on('data', () => write(socket));
    else socket.pause();
  };
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) {
    while (open.size < flood.connections) add();
    if (!flood.reads) pour(open, write);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const socket of open) socket.destroy();
  process.send?.({ connections, requests } satisfies Sent, () => process.disconnect());
}

/** Writes as much as the sockets take. */
function pour(open: ReadonlySet<Socket>, write: (socket: Socket) => boolean): void {
  for (const socket of open) {
    for (let times = 0; times < 20; times += 1) {
      if (socket.pending || socket.writableLength > 0 || !write(socket)) break;
    }
  }
}

export type { Flood };
