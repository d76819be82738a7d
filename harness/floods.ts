import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Served, Used } from './flooded-process.ts';

/** What a flood had sent when it ended. */
export interface Sent {
  readonly connections: number;
  readonly requests: number;
}

/** What clients do to the API that nobody means to serve. */
export interface Flood {
  readonly name: string;
  readonly port: keyof Served;
  readonly connections: number;
  readonly request: Buffer;
  /** Written in one go. */
  readonly requestsAtOnce: number;
  /** Whether it reads the answers, and then asks again; else it reads nothing and writes on. */
  readonly reads: boolean;
}

const ask = (path: string) => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);

export const floods: readonly Flood[] = [
  {
    name: 'requests without an end, no answer is read',
    port: 'apiPort',
    connections: 40,
    request: ask('/openapi.json'),
    requestsAtOnce: 400,
    reads: false,
  },
  {
    name: 'as many requests ahead as are allowed, no answer is read',
    port: 'apiPort',
    connections: 40,
    request: ask('/openapi.json'),
    requestsAtOnce: 16,
    reads: false,
  },
  {
    name: 'requests without a key and without an end, no answer is read',
    port: 'apiPort',
    connections: 40,
    request: ask('/webhooks'),
    requestsAtOnce: 400,
    reads: false,
  },
  {
    name: 'requests for metrics without an end, no answer is read',
    port: 'healthPort',
    connections: 40,
    request: ask('/metrics'),
    requestsAtOnce: 400,
    reads: false,
  },
  {
    name: 'a thousand connections that ask for metrics again and again',
    port: 'healthPort',
    connections: 1_000,
    request: ask('/metrics'),
    requestsAtOnce: 1,
    reads: true,
  },
  {
    name: 'a thousand connections that ask again and again',
    port: 'apiPort',
    connections: 1_000,
    request: ask('/dashboard/app.js'),
    requestsAtOnce: 1,
    reads: true,
  },
  {
    name: 'large bodies in parallel',
    port: 'apiPort',
    connections: 200,
    request: Buffer.concat([
      Buffer.from(
        'POST /webhooks/send HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1600000\r\n\r\n',
      ),
      Buffer.alloc(1_600_000, ' '),
    ]),
    requestsAtOnce: 1,
    reads: true,
  },
];

/** A process that serves the API, for as long as it takes to flood it. */
export class FloodedApi implements Disposable {
  readonly #child: ChildProcess;
  readonly served: Served;

  private constructor(child: ChildProcess, served: Served) {
    this.#child = child;
    this.served = served;
  }

  static async start(databaseUrl: string): Promise<FloodedApi> {
    const child = fork(fileURLToPath(new URL('flooded-process.ts', import.meta.url)));
    child.send(databaseUrl);
    const [served] = (await once(child, 'message')) as [Served];
    return new FloodedApi(child, served);
  }

  async used(): Promise<Used> {
    this.#child.send('used');
    const [used] = (await once(this.#child, 'message')) as [Used];
    return used;
  }

  /** Floods it for so long, and asks it meanwhile, and until it has answered once more, how it is. */
  async flood(
    { name, port: which }: Flood,
    { ms }: { readonly ms: number },
  ): Promise<{ readonly sent: Sent; readonly used: Used; readonly healthMs: readonly number[] }> {
    const port = this.served[which];
    const flooding = fork(fileURLToPath(new URL('flood-process.ts', import.meta.url)));
    const ended = once(flooding, 'exit');
    const sent = once(flooding, 'message') as Promise<[Sent]>;
    flooding.send({ port, name, ms });
    const healthMs: number[] = [];
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    for (let isLast = false; !isLast; isLast = isOver) {
      healthMs.push(await timeOf(port));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    healthMs.push(await timeOf(port));
    const [told] = await sent;
    return { sent: told, used: await this.used(), healthMs };
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

/** How long GET /healthz takes, ms. */
async function timeOf(port: number): Promise<number> {
  const startMs = performance.now();
  const response = await new Promise<number | undefined>((resolve, reject) => {
    get({ port, host: '127.0.0.1', path: '/healthz', agent: false }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode));
    }).on('error', reject);
  });
  if (response !== 200) throw new Error(`GET /healthz was answered ${response}`);
  return performance.now() - startMs;
}
