import type { LookupFunction } from 'node:net';
import { Agent } from 'undici';
import type { AttemptResult } from '../domain/attempt-result.ts';
import type { HttpProxy } from '../domain/http-proxy.ts';
import { type Target, targetOf } from '../domain/target.ts';
import { createGuardedConnector } from './guarded-connector.ts';
import { HttpAttempt } from './http-attempt.ts';

/*
 * The HTTP client of the send stage: url, headers, body → AttemptResult.
 *
 * HTTP/1.1 over kept connections, straight on undici's dispatch (54 µs of CPU a request; request() takes 83, fetch 473).
 * Redirects are not followed, bodies are not inflated, and what is kept of a response is bounded: a receiver is not
 * trusted. A crash here loses the answers under way; the lease brings those webhooks back.
 */

export interface HttpRequest {
  readonly url: string;
  /** Names and values, flat or as a record. */
  readonly headers: string[] | Record<string, string>;
  readonly body: string | Buffer;
  /** In place of the client's own. */
  readonly timeoutMs?: number | null;
}

export interface HttpClient {
  /** Never rejects: what goes wrong is a result. */
  post(request: HttpRequest): Promise<AttemptResult>;
  /** Waits for what is in flight, then closes the connections. What is posted from now on is `aborted`. */
  close(): Promise<void>;
  /** Ends what is in flight as `aborted`, unless its status has arrived. */
  destroy(): Promise<void>;
}

export interface HttpClientOptions {
  /** DNS, TCP and TLS together. undici's timer is coarse: it fires up to a second late. */
  readonly connectTimeoutMs: number;
  /** Absolute, from post() to the last byte read. */
  readonly timeoutMs: number;
  /** Without a byte for this long the rest of a body is given up. Default: 5 s. */
  readonly bodySilenceMs?: number;
  /** Per origin; at least the number of requests in flight, so that undici never makes one wait. */
  readonly connections: number;
  /**
   * With so many connections open, to all origins together, a request asks for the end of its own, so that those that are
   * kept and those in flight stay below this and the number of requests in flight. Default: 2,000.
   */
  readonly keptConnections?: number;
  readonly allows: (ip: string) => boolean;
  /** All requests leave through it. */
  readonly proxy?: HttpProxy | undefined;
  /** Default: the system's resolver. */
  readonly lookup?: LookupFunction | undefined;
  /** Certificate authorities to trust in place of Node's, PEM. */
  readonly ca?: string;
}

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { timeoutMs, connections, allows, lookup, ca, proxy } = options;
  const { bodySilenceMs = 5_000, keptConnections = 2_000 } = options;
  const connector = createGuardedConnector({
    allows,
    lookup,
    ca,
    proxy,
    // A connection that comes after the deadline would only occupy one of `connections`.
    timeoutMs: Math.min(options.connectTimeoutMs, timeoutMs),
  });
  const settings = {
    connect: connector.connect,
    connections,
    allowH2: false,
    // The deadline of the attempt covers the headers.
    headersTimeout: 0,
    bodyTimeout: bodySilenceMs,
    maxHeaderSize: 16_384,
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 30_000,
    // Receivers that announce their idle timeout close 2 s later than we do: no stale connection, measured.
    keepAliveTimeoutThreshold: 2_000,
  };
  const agent = new Agent({ ...settings, pipelining: 1 });
  const freshAgent = new Agent({ ...settings, pipelining: 0 });
  const targets = new Targets();
  const { openedAt } = connector;
  return {
    post({ url, headers, body, timeoutMs: ownTimeoutMs }) {
      const target = targets.get(url);
      if (target === undefined) return Promise.resolve(urlInvalid);
      const { origin, path, secure } = target;
      const reset = connector.open >= keptConnections;
      const dispatch = { origin, path, method: 'POST' as const, headers, body, reset };
      return new Promise((resolve) => {
        new HttpAttempt(
          {
            target: dispatch,
            secure,
            timeoutMs: ownTimeoutMs ?? timeoutMs,
            agent,
            freshAgent,
            openedAt,
          },
          resolve,
        );
      });
    },
    async close() {
      // In this order: what is in flight may still need a fresh connection.
      await agent.close();
      await freshAgent.close();
    },
    async destroy() {
      await Promise.all([agent.destroy(), freshAgent.destroy()]);
      connector.destroy();
    },
  };
}

const urlInvalid: AttemptResult = {
  kind: 'error',
  code: 'url_invalid',
  message:
    'Cannot send as the URL must be http or https, without user name and password, and with a port other than 0',
  durationMs: 0,
  retriedConnection: false,
};

/** Parsing a URL costs about as much as signing; most webhooks go where others went before. */
class Targets {
  readonly #known = new Map<string, Target | undefined>();

  get(url: string): Target | undefined {
    const known = this.#known.get(url);
    if (known !== undefined) return known;
    const target = targetOf(url);
    // At most 2,000 URLs of 2 KiB. Cleared as a whole: an order of use would cost more than the few parses it saves.
    if (this.#known.size >= 2_000) this.#known.clear();
    this.#known.set(url, target);
    return target;
  }
}
