import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction, Socket } from 'node:net';
import { buildConnector } from 'undici';
import type { HttpProxy } from '../domain/http-proxy.ts';
import { ContinueFilter } from './continue-filter.ts';
import { isLocalhost, loopback } from './hosts-file.ts';
import { openTunnel } from './proxy-tunnel.ts';

/*
 * Opens the connections of the HTTP client, only to addresses that the policy allows.
 *
 * The check is made at the moment of connecting, because every earlier check can be bypassed: a URL check by DNS, a
 * check in `lookup` by an address in the URL (lookup is never called), `connect.blockList` by https (tls.connect
 * ignores it in Node 24), undici's DNS interceptor by a full cache. Three checks, for http and https alike: an address
 * in the URL, each address of a name (Node dials exactly what the lookup returned, so a rebinding name gains nothing),
 * and the peer of the open socket, in case one of the first two ever fails.
 *
 * With a proxy, the proxy resolves and connects, so only the first check is left, together with a check for localhost.
 */

export interface GuardedConnectorOptions {
  readonly allows: (ip: string) => boolean;
  /** DNS, TCP and TLS together. */
  readonly timeoutMs: number;
  readonly lookup?: LookupFunction | undefined;
  /** Certificate authorities to trust instead of Node's. */
  readonly ca?: string | undefined;
  readonly proxy?: HttpProxy | undefined;
}

export interface GuardedConnector {
  readonly connect: buildConnector.connector;
  /** Connections that are open (in use or idle) or being opened. */
  readonly open: number;
  /** When the connection that broke with this error was opened (performance.now(), ms); undefined: it never was. */
  openedAt(error: Error): number | undefined;
  /** Aborts the connections that are being opened, which undici would leave to their timeout. */
  destroy(): void;
}

/** A connection that is being opened. */
interface Opening {
  destroy(): void;
}
type Dial = (target: buildConnector.Options, callback: buildConnector.Callback) => Opening;

export function createGuardedConnector(options: GuardedConnectorOptions): GuardedConnector {
  const { allows, proxy } = options;
  const openedAt = new WeakMap<Error, number>();
  const opening = new Set<Opening>();
  let open = 0;
  const dial = proxy === undefined ? directly(options) : throughProxy(options, proxy);
  const onClose = (): void => {
    open -= 1;
  };
  const connect: buildConnector.connector = (target, callback) => {
    const literal = target.hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0 && !allows(literal)) {
      callback(new BlockedAddressError({ host: literal, addresses: [literal] }), null);
      return;
    }
    const pending = dial(target, (...[error, socket]) => {
      opening.delete(pending);
      if (error !== null) return callback(error, null);
      const openedAtMs = performance.now();
      // This listener must run before undici's own, which passes the error on.
      socket.once('error', (broken) => openedAt.set(broken, openedAtMs));
      open += 1;
      socket.once('close', onClose);
      callback(null, forParser(socket));
    });
    opening.add(pending);
  };
  return {
    connect,
    get open() {
      return open + opening.size;
    },
    openedAt: (error) => openedAt.get(error),
    destroy() {
      for (const pending of opening) pending.destroy();
    },
  };
}

function directly({ allows, timeoutMs, ca, lookup }: GuardedConnectorOptions): Dial {
  const base = buildConnector({
    allowH2: false,
    timeout: timeoutMs,
    lookup: guardedLookup(allows, lookup ?? systemLookup),
    ...(ca === undefined ? {} : { ca }),
  });
  return (target, callback) =>
    socketOf(
      base(target, (...[error, socket]) => {
        if (error !== null) return callback(error, null);
        const peer = socket.remoteAddress;
        if (peer !== undefined && allows(peer)) return callback(null, socket);
        socket.on('error', () => {}).destroy();
        callback(refusal(target.hostname, peer), null);
      }),
    );
}

/**
 * Opens a tunnel to the receiver by CONNECT, with TLS inside it for https, so that the proxy cannot read that content.
 */
function throughProxy(options: GuardedConnectorOptions, proxy: HttpProxy): Dial {
  const { allows, timeoutMs, ca } = options;
  const secure = buildConnector({
    allowH2: false,
    timeout: timeoutMs,
    ...(ca === undefined ? {} : { ca }),
  });
  return (target, callback) => {
    const name = target.hostname.toLowerCase();
    if (isLocalhost(name) && !allows('127.0.0.1')) {
      const blocked = new BlockedAddressError({ host: name, addresses: ['127.0.0.1'] });
      setImmediate(callback, blocked, null);
      return { destroy: () => {} };
    }
    const port = target.port === '' ? (target.protocol === 'https:' ? '443' : '80') : target.port;
    let pending: Opening = openTunnel(
      { proxy, authority: `${target.hostname}:${port}`, timeoutMs, ca },
      (error, socket) => {
        if (error !== null) return callback(error, null);
        if (target.protocol !== 'https:') return callback(null, socket);
        pending = socketOf(secure({ ...target, httpSocket: socket }, callback));
      },
    );
    return { destroy: () => pending.destroy() };
  };
}

/** Bytes that undici parses at a time. */
const pieceBytes = 2_048;

/**
 * Changes what undici's parser reads from a socket: without `100 Continue` (see {@link ContinueFilter}), and in small
 * pieces.
 *
 * After too many headers, the parser destroys the socket but goes on to the end of the data, with an error and a stack
 * trace for each header: 0.1 s of CPU for the 64 KiB that a socket reads at once. So it gets small pieces, and nothing
 * more after the socket is destroyed.
 */
function forParser<S extends Socket>(socket: S): S {
  const read = socket.read.bind(socket);
  const filter = new ContinueFilter();
  socket.read = (size) => {
    if (socket.destroyed) return null;
    const isMuch = size === undefined && socket.readableLength > pieceBytes;
    const chunk: unknown = read(isMuch ? pieceBytes : size);
    if (Buffer.isBuffer(chunk)) filter.pass(chunk);
    return chunk;
  };
  // undici writes a whole request at once, before it reads anything of its response.
  socket.write = new Proxy(socket.write, {
    apply: (target, _socket, parameters) => {
      filter.requestBegins();
      return Reflect.apply(target, socket, parameters);
    },
  });
  return socket;
}

/**
 * undici's connectors return the socket, although their type does not say so. One `signal` for all would keep a
 * listener for each.
 */
function socketOf(returned: unknown): Opening {
  return returned instanceof Socket ? returned : { destroy: () => {} };
}

/** Thrown when all addresses of a name, or the address in the URL, are private or reserved. */
export class BlockedAddressError extends Error {
  override readonly name = 'BlockedAddressError';
  readonly code: 'address_blocked' | 'address_blocked_literal';

  constructor({ host, addresses }: { host: string; addresses: readonly string[] }) {
    const literal = addresses.length === 1 && addresses[0] === host;
    super(
      literal
        ? `${host} is a private or reserved address; POSTHORN_ALLOW_NETWORKS can allow its network`
        : `All addresses of ${host} are private or reserved: ${addresses.join(', ')}`,
    );
    this.code = literal ? 'address_blocked_literal' : 'address_blocked';
  }
}

/** A socket that was reset at once has no peer address: that is a reset, not a forbidden address. */
function refusal(host: string, peer: string | undefined): Error {
  if (peer !== undefined) return new BlockedAddressError({ host, addresses: [peer] });
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}

function guardedLookup(
  allows: (ip: string) => boolean,
  lookup: LookupFunction | typeof systemLookup,
): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      // Many systems know only localhost and none of the names below it (RFC 6761, 6.3).
      if (error !== null && !isLocalhost(hostname)) return callback(error, []);
      const addresses = error !== null ? loopback : listOf(found);
      const [first, ...others] = addresses.filter(({ address }) => allows(address));
      if (first === undefined) return callback(nowhere(hostname, addresses), []);
      if (options.all === true) return callback(null, [first, ...others]);
      return callback(null, first.address, first.family);
    });
  };
}

function listOf(found: string | LookupAddress[]): readonly LookupAddress[] {
  return typeof found === 'string' ? [{ address: found, family: isIP(found) }] : found;
}

function nowhere(host: string, addresses: readonly { address: string }[]): NodeJS.ErrnoException {
  if (addresses.length > 0) {
    return new BlockedAddressError({ host, addresses: addresses.map(({ address }) => address) });
  }
  return Object.assign(new Error(`getaddrinfo ENODATA ${host}`), { code: 'ENODATA' });
}
