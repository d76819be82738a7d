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
 * It speaks HTTP/1.1 over keep-alive connections, directly on undici's dispatch (54 µs of CPU a request; request()
 * takes 83, fetch 473). It does not follow redirects or decompress bodies, and it limits how much of a response is
 * kept, because receivers are not trusted. A crash here loses the answers in flight; the lease brings those webhooks
 * back.
 */

export interface HttpRequest {
  readonly url: string;
  /** Names and values, as a flat list or as a record. */
  readonly headers: string[] | Record<string, string>;
  readonly body: string | Buffer;
  /** Overrides the client's own timeout. */
  readonly timeoutMs?: number | null;
}

export interface HttpClient {
  /** Sends a request. Never rejects: an error is a result. */
  post(request: HttpRequest): Promise<AttemptResult>;
  /** Waits for the requests in flight, then closes the connections. Later posts are `aborted`. */
  close(): Promise<void>;
  /** Ends the requests in flight as `aborted`, unless their status has arrived. */
  destroy(): Promise<void>;
}

export interface HttpClientOptions {
  /** DNS, TCP and TLS together. undici's timer is coarse: it fires up to a second late. */
  readonly connectTimeoutMs: number;
  /** Absolute, from post() to the last byte read. */
  readonly timeoutMs: number;
  /** After this long without a byte, the rest of a body is ignored. Default: 5 s. */
  readonly bodySilenceMs?: number;
  /** Connections per origin; at least the number of requests in flight, so that undici never makes one wait. */
  readonly connections: number;
  /**
   * If this many connections are open, to all origins together, a request asks for its own to be closed. So idle and
   * busy connections together stay below this number plus the number of requests in flight. Default: 2,000.
   */
  readonly keptConnections?: number;
  readonly allows: (ip: string) => boolean;
  /** All requests go through this proxy. */
  readonly proxy?: HttpProxy | undefined;
  /** Default: the system's resolver. */
  readonly lookup?: LookupFunction | undefined;
  /** Certificate authorities to trust instead of Node's, PEM. */
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
    // A connection that opens after the deadline would only occupy one of `connections`.
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
    // For receivers that announce their idle timeout, we close 2 s before them: no stale connection, measured.
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
      // In this order, because a request in flight may still need a fresh connection.
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
    'The URL must be http or https, without user name and password, and with a port other than 0',
  durationMs: 0,
  retriedConnection: false,
};

/** A cache of parsed URLs. Parsing a URL costs about as much as signing, and most webhooks go to known URLs. */
class Targets {
  readonly #known = new Map<string, Target | undefined>();

  get(url: string): Target | undefined {
    const known = this.#known.get(url);
    if (known !== undefined) return known;
    const target = targetOf(url);
    // At most 2,000 URLs of 2 KiB. Cleared completely, because tracking the order of use would cost more than the few
    // parses it saves.
    if (this.#known.size >= 2_000) this.#known.clear();
    this.#known.set(url, target);
    return target;
  }
}
