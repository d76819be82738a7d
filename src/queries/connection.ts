import type { ConnectionOptions as TlsOptions } from 'node:tls';
import pg from 'pg';
import { connectionConfig } from '../db/connection-url.ts';

/** A database URL in the parts that slonik takes. */
export interface SlonikConnection {
  readonly uri: string;
  readonly password: string | undefined;
  readonly ssl: TlsOptions | undefined;
}

/**
 * Parses the database URL with pg, so that all pools of a process read it in the same way, and rebuilds it for slonik.
 * slonik's own parser refuses sslmode=verify-full and, given sslrootcert, connects without TLS.
 */
export function slonikConnection(
  databaseUrl: string,
  settings: readonly string[],
): SlonikConnection {
  const client = new pg.Client(connectionConfig(databaseUrl));
  // Percent-encoded completely, because a socket's directory has slashes and an IPv6 address has colons.
  const host = encodeURIComponent(client.host.replace(/^\[(.*)\]$/, '$1'));
  const uri = new URL(
    `postgres://${host}:${client.port}/${encodeURIComponent(client.database ?? '')}`,
  );
  uri.username = encodeURIComponent(client.user ?? '');
  const given = new URL(databaseUrl).searchParams;
  const options = settings.map((setting) => `-c ${setting.replaceAll(/[\\ ]/g, '\\$&')}`);
  uri.searchParams.set('options', [given.get('options') ?? '', ...options].join(' ').trim());
  uri.searchParams.set('application_name', given.get('application_name') ?? 'posthorn api');
  return { uri: uri.href, password: client.password ?? undefined, ssl: tlsOf(client.ssl) };
}

/** pg types this as a boolean, but it is an object if the URL names a mode or a certificate. */
function tlsOf(ssl: unknown): TlsOptions | undefined {
  if (typeof ssl === 'object' && ssl !== null) return ssl;
  return ssl === true ? {} : undefined;
}
