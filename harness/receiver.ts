import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it arrived. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly atMs: number;
}

type Answer = (request: Received, response: ServerResponse) => void;

/** A real receiver of webhooks on a free port of loopback: keeps what it gets, answers as it is told. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly requests: Received[];
  /** How to answer from now on; 200 until it is called. */
  answer(answer: Answer): void;
  /** Resolves as soon as a condition on what was received holds. Rejects after 60 s. */
  until(condition: (requests: readonly Received[]) => boolean): Promise<void>;
  close(): Promise<void>;
}

/** Starts a receiver. */
export async function startReceiver(): Promise<Receiver> {
  const requests: Received[] = [];
  const waiters = new Set<() => void>();
  let answer: Answer = (_request, response) => response.end('ok');
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request = {
        path: incoming.url ?? '',
        headers: incoming.headers,
        body: Buffer.concat(chunks),
        atMs: performance.now(),
      };
      requests.push(request);
      answer(request, response);
      for (const check of waiters) check();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    answer: (next) => {
      answer = next;
    },
    until: (condition) =>
      new Promise((resolve, reject) => {
        const deadline = setTimeout(() => {
          waiters.delete(check);
          reject(new Error(`Not received in time; ${requests.length} requests so far`));
        }, 60_000);
        const check = () => {
          if (!condition(requests)) return;
          clearTimeout(deadline);
          waiters.delete(check);
          resolve();
        };
        waiters.add(check);
        check();
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}
