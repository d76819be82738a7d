import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction, Socket } from 'node:net';
import { buildConnector } from 'undici';

/*
 * Opens the connections of the HTTP client, and only to addresses that the policy allows.
 *
 * The check is made where the address is really dialled, because every place before it can be passed by: a URL check by
 * DNS, a check in `lookup` by an address in the URL (lookup is never called), `connect.blockList` by https (tls.connect
 * ignores it in Node 24), undici's DNS interceptor by a full cache. Three checks, for http and https alike: an address in
 * the URL, each address of a name (Node dials exactly what the lookup returned, so a rebinding name gains nothing), and
 * the peer of the open socket, in case one of the first two ever fails.
 */

export interface GuardedConnectorOptions {
  readonly allows: (ip: string) => boolean;
  /** DNS, TCP and TLS together. */
  readonly timeoutMs: number;
  readonly lookup?: LookupFunction | undefined;
  /** Certificate authorities to trust in place of Node's. */
  readonly ca?: string | undefined;
}

export interface GuardedConnector {
  readonly connect: buildConnector.connector;
  /** When the connection that this error broke was opened (performance.now(), ms); undefined when it never was. */
  openedAt(error: Error): number | undefined;
  /** Gives up the connections that are being opened, which undici leaves to their timeout. */
  destroy(): void;
}

export function createGuardedConnector(options: GuardedConnectorOptions): GuardedConnector {
  const { allows, timeoutMs, ca } = options;
  const openedAt = new WeakMap<Error, number>();
  const opening = new Set<Socket>();
  const base = buildConnector({
    allowH2: false,
    timeout: timeoutMs,
    lookup: guardedLookup(allows, options.lookup ?? systemLookup),
    ...(ca === undefined ? {} : { ca }),
  });
  const connect: buildConnector.connector = (target, callback) => {
    const literal = target.hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0 && !allows(literal)) {
      callback(new BlockedAddressError({ host: literal, addresses: [literal] }), null);
      return;
    }
    let pending: unknown;
    // It returns the socket, though its type does not say so. One `signal` for all sockets keeps a listener of each.
    pending = base(target, (...[error, socket]) => {
      if (pending instanceof Socket) opening.delete(pending);
      if (error !== null) return callback(error, null);
      const peer = socket.remoteAddress;
      if (peer === undefined || !allows(peer)) {
        socket.on('error', () => {}).destroy();
        return callback(refusal(target.hostname, peer), null);
      }
      const openedAtMs = performance.now();
      // Before undici's own listener, which passes the error on.
      socket.once('error', (broken) => openedAt.set(broken, openedAtMs));
      callback(null, socket);
    });
    if (pending instanceof Socket) opening.add(pending);
  };
  return {
    connect,
    openedAt: (error) => openedAt.get(error),
    destroy() {
      for (const socket of opening) socket.destroy();
    },
  };
}

/** All addresses of a name are private or reserved, or the address in the URL is. */
export class BlockedAddressError extends Error {
  override readonly name = 'BlockedAddressError';
  readonly code: 'address_blocked' | 'address_blocked_literal';

  constructor({ host, addresses }: { host: string; addresses: readonly string[] }) {
    const literal = addresses.length === 1 && addresses[0] === host;
    super(
      literal
        ? `Cannot connect to ${host} as it is a private or reserved address: POSTHORN_ALLOW_NETWORKS allows networks`
        : `Cannot connect to ${host} as its addresses are private or reserved: ${addresses.join(', ')}`,
    );
    this.code = literal ? 'address_blocked_literal' : 'address_blocked';
  }
}

/** A socket that was reset at once has no peer any more: that is a reset, not a forbidden address. */
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
      if (error !== null) return callback(error, []);
      const addresses =
        typeof found === 'string' ? [{ address: found, family: isIP(found) }] : found;
      const [first, ...others] = addresses.filter(({ address }) => allows(address));
      if (first === undefined) return callback(nowhere(hostname, addresses), []);
      if (options.all === true) return callback(null, [first, ...others]);
      return callback(null, first.address, first.family);
    });
  };
}

function nowhere(host: string, addresses: readonly { address: string }[]): NodeJS.ErrnoException {
  if (addresses.length > 0) {
    return new BlockedAddressError({ host, addresses: addresses.map(({ address }) => address) });
  }
  return Object.assign(new Error(`getaddrinfo ENODATA ${host}`), { code: 'ENODATA' });
}
