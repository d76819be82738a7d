import { once } from 'node:events';
import { createServer } from 'node:net';

/** How many ports, from the preferred one on, are tried before any free port is accepted. */
const neighbours = 10;

/** Finds a free port of 127.0.0.1: the preferred one, or else one near it. */
export async function choosePort(preferred: number): Promise<number> {
  for (let port = preferred; port < preferred + neighbours && port <= 65_535; port++) {
    if ((await bind(port)) !== undefined) return port;
  }
  const port = await bind(0);
  if (port === undefined) {
    throw new Error('Cannot start the embedded Postgres because no port of 127.0.0.1 is free');
  }
  return port;
}

/** Listens for a moment and returns the port; undefined: that is not possible. */
async function bind(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ port, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' ? address?.port : undefined;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}
