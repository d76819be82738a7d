import { randomUUID } from 'node:crypto';
import { Agent, type Dispatcher, request } from 'undici';
import { answerParent } from '../harness/parent.ts';
import { signingKey } from '../src/domain/signature.ts';
import { clockMs } from './clock.ts';
import { signedHeaders } from './signed-headers.ts';
import { bodyOf, pathOf, secretOf } from './traffic.ts';

/*
 * The yardstick, a process of its own: what remains of delivering a webhook when nothing is stored. The same bodies,
 * headers and signatures to the same receiver by the HTTP client that Posthorn uses, 100 in flight.
 */

export interface YardstickRequest {
  /** `dispatch` is undici's lowest interface, `request` the one that its users take. */
  readonly by: 'dispatch' | 'request';
  readonly port: number;
  readonly webhooks: number;
  readonly endpoints: number;
}

export interface YardstickResult {
  /** From the first request to the last answer. */
  readonly durationMs: number;
  readonly cpuMs: number;
}

type Post = (headers: string[], webhook: { path: string; body: string }) => Promise<number>;

const inFlight = 100;

answerParent<YardstickRequest>({ ready: true, answer: run });

async function run({ by, port, webhooks, endpoints }: YardstickRequest): Promise<YardstickResult> {
  const agent = new Agent({ connections: inFlight, pipelining: 1 });
  const post = posts[by](agent, `http://127.0.0.1:${port}`);
  const keys = Array.from({ length: endpoints }, (_, endpoint) => [signingKey(secretOf(endpoint))]);
  const startedMs = clockMs();
  const cpu = process.cpuUsage();
  let next = 0;
  const sendAll = async () => {
    while (next < webhooks) {
      const sequence = next;
      next += 1;
      const endpoint = sequence % endpoints;
      const body = bodyOf(sequence);
      const headers = signedHeaders({
        id: randomUUID(),
        body,
        contentType: 'application/json',
        attempt: 1,
        keys: keys[endpoint] ?? [],
      });
      const status = await post(headers, { path: pathOf(endpoint), body });
      if (status !== 200) throw new Error(`The receiver answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sendAll));
  const durationMs = clockMs() - startedMs;
  const { user, system } = process.cpuUsage(cpu);
  await agent.close();
  return { durationMs, cpuMs: (user + system) / 1_000 };
}

const posts: Readonly<Record<YardstickRequest['by'], (agent: Agent, origin: string) => Post>> = {
  dispatch:
    (agent, origin) =>
    (headers, { path, body }) =>
      new Promise((resolve, reject) => {
        agent.dispatch(
          { origin, path, method: 'POST', headers, body },
          new Answer(resolve, reject),
        );
      }),
  request:
    (agent, origin) =>
    async (headers, { path, body }) => {
      const response = await request(`${origin}${path}`, {
        method: 'POST',
        dispatcher: agent,
        headers,
        body,
      });
      await response.body.text();
      return response.statusCode;
    },
};

/** The thinnest handler that still knows the status and waits for the end. */
class Answer implements Dispatcher.DispatchHandler {
  readonly #resolve: (status: number) => void;
  readonly #reject: (error: Error) => void;
  #status = 0;

  constructor(resolve: (status: number) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: unknown, status: number): void {
    this.#status = status;
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.#resolve(this.#status);
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#reject(error);
  }
}
