import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { HttpProxy } from '../domain/http-proxy.ts';

/*
 * A tunnel through an HTTP proxy, by CONNECT with Node's own client, whose parser limits the size of the proxy's
 * answer.
 *
 * The proxy belongs to the operator: its name is resolved by the system, and its address is not checked against the
 * policy.
 */

export interface TunnelOptions {
  readonly proxy: HttpProxy;
  /** The receiver's host and port. */
  readonly authority: string;
  /** How long the proxy may take to accept. */
  readonly timeoutMs: number;
  /** Certificate authorities to trust instead of Node's, for a proxy that is reached by TLS. */
  readonly ca?: string | undefined;
}

type Callback = (...result: [error: Error, socket: null] | [error: null, socket: Socket]) => void;

/** Opens a tunnel; `callback` is called once. The returned object aborts it. */
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
    // undici takes the socket over.
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

/** The error for an answer other than acceptance; undefined: the proxy accepted. */
function refusal({ statusCode = 0, headers }: IncomingMessage, head: Buffer): Error | undefined {
  if (statusCode >= 200 && statusCode <= 299) {
    // undici would take these bytes for an unexpected answer, and open one tunnel after another.
    return head.length === 0
      ? undefined
      : coded('not_http', 'The receiver sent data before the request');
  }
  // A 407 without a challenge does not ask for a password: Smokescreen refuses receivers with it.
  if (statusCode === 407 && headers['proxy-authenticate'] !== undefined) {
    return failed('407, it wants different credentials');
  }
  if (statusCode >= 500) {
    const message = `The proxy has no connection to the receiver: it answered ${statusCode}`;
    return coded('proxy_no_route', message);
  }
  return coded('proxy_refused', `The proxy refuses the receiver: it answered ${statusCode}`);
}

function failed(what: string): Error {
  return coded('proxy_failed', `The proxy cannot be used: ${what}`);
}

function slow(timeoutMs: number): Error {
  return coded('UND_ERR_CONNECT_TIMEOUT', `The proxy did not answer within ${timeoutMs} ms`);
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
