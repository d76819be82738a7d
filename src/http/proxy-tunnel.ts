import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { HttpProxy } from '../domain/http-proxy.ts';

/*
 * A tunnel through an HTTP proxy: CONNECT, by Node's own client, whose parser bounds what the proxy answers.
 *
 * The proxy itself is the operator's: its name is looked up the system's way, and its address is not held to the policy.
 */

export interface TunnelOptions {
  readonly proxy: HttpProxy;
  /** Host and port of the receiver. */
  readonly authority: string;
  /** Until the proxy has said yes. */
  readonly timeoutMs: number;
  /** Certificate authorities to trust in place of Node's, for a proxy that is reached by TLS. */
  readonly ca?: string | undefined;
}

type Callback = (...result: [error: Error, socket: null] | [error: null, socket: Socket]) => void;

/** Opens a tunnel; `callback` is called once. What is returned gives it up. */
export function openTunnel(options: TunnelOptions, callback: Callback): { destroy(): void } {
  const { proxy, timeoutMs } = options;
  let isReached = false;
  let isSettled = false;
  const settle: Callback = (...result) => {
    if (isSettled) return;
    isSettled = true;
    clearTimeout(timer);
    callback(...result);
  };
  const request = connectRequest(options);
  const timer = setTimeout(() => {
    settle(isReached ? slow(timeoutMs) : failed(`no connection within ${timeoutMs} ms`), null);
    request.destroy();
  }, timeoutMs);
  request.once('socket', (socket) => {
    socket.once(proxy.secure ? 'secureConnect' : 'connect', () => {
      isReached = true;
    });
  });
  request.on('error', (error) => settle(failed(error.message), null));
  request.once('connect', (response, socket, head) => {
    socket.on('error', () => {});
    const refused = refusal(response, head);
    if (refused === undefined && !isSettled) return settle(null, socket as Socket);
    socket.destroy();
    if (refused !== undefined) settle(refused, null);
  });
  request.end();
  return { destroy: () => request.destroy() };
}

function connectRequest({ proxy, authority, ca }: TunnelOptions): ClientRequest {
  const { authorization } = proxy;
  return (proxy.secure ? secureRequest : plainRequest)({
    method: 'CONNECT',
    host: proxy.host,
    port: proxy.port,
    path: authority,
    // The socket becomes undici's.
    agent: false,
    maxHeaderSize: 16_384,
    headers: {
      host: authority,
      connection: 'keep-alive',
      ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
    },
    ...(ca === undefined ? {} : { ca }),
  });
}

/** What the proxy says other than yes. */
function refusal({ statusCode = 0, headers }: IncomingMessage, head: Buffer): Error | undefined {
  if (statusCode >= 200 && statusCode <= 299) {
    // undici would take it for the answer to nothing, and ask for one tunnel after the other.
    return head.length === 0
      ? undefined
      : coded('not_http', 'The receiver spoke before it was asked');
  }
  // A 407 without a challenge is no question for a password: Smokescreen refuses receivers with it.
  if (statusCode === 407 && headers['proxy-authenticate'] !== undefined) {
    return failed('407, it wants other credentials');
  }
  if (statusCode >= 500) {
    const message = `The proxy has no connection to the receiver: it answered ${statusCode}`;
    return coded('proxy_no_route', message);
  }
  return coded('proxy_refused', `The proxy refuses the receiver: it answered ${statusCode}`);
}

function failed(what: string): Error {
  return coded('proxy_failed', `Cannot use the proxy: ${what}`);
}

function slow(timeoutMs: number): Error {
  return coded('UND_ERR_CONNECT_TIMEOUT', `No answer of the proxy within ${timeoutMs} ms`);
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
