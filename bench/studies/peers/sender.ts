import type { KeyObject } from 'node:crypto';
import { Agent, type Dispatcher } from 'undici';
import { signingKey } from '../../../src/domain/signature.ts';
import { type Target, targetOf } from '../../../src/domain/target.ts';
import { signedHeaders } from '../../signed-headers.ts';
import type { Webhook } from './rows.ts';

/*
 * How the peers send: as Posthorn does, with its headers and signatures, by undici's dispatch, which is its cheapest
 * interface. What is made of a URL or a secret is kept.
 */

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface Sender {
  /** @throws on a network error or timeout. */
  post(webhook: Webhook): Promise<Answer>;
  close(): Promise<void>;
}

/** To one origin, as Posthorn allows it. */
const connections = 512;
const timeoutMs = 30_000;

export function createSender(): Sender {
  const agent = new Agent({
    connections,
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  const targets = new Map<string, Target>();
  const keys = new Map<string, readonly KeyObject[]>();
  return {
    post(webhook) {
      const { url, body, secret } = webhook;
      const { origin, path } = remembered(targets, { key: url, make: parsed });
      const headers = signedHeaders({
        ...webhook,
        keys: remembered(keys, { key: secret, make: (text) => [signingKey(text)] }),
      });
      return new Promise((resolve, reject) => {
        const request = { origin, path, method: 'POST' as const, headers, body };
        agent.dispatch(request, new AnswerHandler(resolve, reject));
      });
    },
    close: () => agent.close(),
  };
}

function remembered<Value>(
  known: Map<string, Value>,
  { key, make }: { key: string; make: (key: string) => Value },
): Value {
  const value = known.get(key) ?? make(key);
  known.set(key, value);
  return value;
}

function parsed(url: string): Target {
  const target = targetOf(url);
  if (target === undefined) throw new Error(`Cannot send to ${url}`);
  return target;
}

class AnswerHandler implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: Error) => void;
  #status = 0;
  #body = '';

  constructor(resolve: (answer: Answer) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: unknown, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#body += chunk.toString('utf8');
  }

  onResponseEnd(): void {
    this.#resolve({ status: this.#status, body: this.#body });
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#reject(error);
  }
}
