import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Receiving } from './customers.ts';

/** The receivers of all endpoints, on one port of loopback: each has a path of its name. */
export interface Receiver extends AsyncDisposable {
  urlOf(endpoint: Pick<Receiving, 'name'>): string;
}

/** Starts them. They read what comes, and keep nothing. */
export async function startReceiver(endpoints: readonly Receiving[]): Promise<Receiver> {
  const stopping = new AbortController();
  const startedMs = performance.now();
  const desks = new Map(
    endpoints.map((endpoint) => [
      `/${endpoint.name}`,
      { endpoint, recentMs: [] as number[], number: 0 },
    ]),
  );
  const server = createServer((request, response) => {
    const desk = desks.get(request.url ?? '');
    request.resume().on('end', () => {
      if (desk === undefined) {
        response.writeHead(404).end('nobody of this name');
        return;
      }
      const nowMs = performance.now();
      desk.number += 1;
      desk.recentMs = [...desk.recentMs.filter((atMs) => atMs > nowMs - 1_000), nowMs];
      const answer = desk.endpoint.answer({
        atS: (nowMs - startedMs) / 1_000,
        perSecond: desk.recentMs.length,
        luck: Math.random(),
        number: desk.number,
      });
      // Aborted by the end of the demo; a sender that has gone is no news either.
      give(response, answer, stopping.signal).catch(() => response.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    urlOf: ({ name }) => `http://127.0.0.1:${port}/${name}`,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function give(response: ServerResponse, answer: Answer, signal: AbortSignal): Promise<void> {
  if (answer === 'cut') {
    response.destroy();
    return;
  }
  await delay(answer.afterMs, undefined, { signal });
  response.writeHead(answer.status, answer.headers).end(answer.body);
}
