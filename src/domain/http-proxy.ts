// Pure: no I/O, no clock, no randomness.

/** An HTTP proxy through which all requests leave, by CONNECT. */
export interface HttpProxy {
  /** The connection to the proxy itself uses TLS. */
  readonly secure: boolean;
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** The value of Proxy-Authorization. */
  readonly authorization: string | undefined;
}

/** Reads `http://user:password@host:port` or https; undefined when it is anything else. */
export function proxyOf(url: string): HttpProxy | undefined {
  const parsed = URL.parse(url);
  if (parsed === null) return undefined;
  const { protocol, hostname, port, username, password, pathname, search, hash } = parsed;
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  if (pathname !== '/' || search !== '' || hash !== '' || port === '0') return undefined;
  const login = decoded(`${username}:${password}`);
  if (login === undefined) return undefined;
  const secure = protocol === 'https:';
  return {
    secure,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    authorization:
      username === '' ? undefined : `Basic ${Buffer.from(login, 'utf8').toString('base64')}`,
  };
}

function decoded(login: string): string | undefined {
  try {
    return decodeURIComponent(login);
  } catch {
    return undefined;
  }
}
