import type { LookupAddress } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

/*
 * Names that are known without a name server: those in /etc/hosts, and localhost (RFC 6761, 6.3).
 *
 * Containers learn the addresses of their host and of each other this way (extra_hosts, hostAliases) when they are
 * created, so the file is read once.
 */

export interface Hosts {
  /** Finds the addresses of a name, which is in lower case and without a trailing dot. */
  find(name: string): readonly LookupAddress[] | undefined;
}

export const loopback: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/** Whether a name is localhost or below it; name servers have no say in these (RFC 6761, 6.3). */
export function isLocalhost(name: string): boolean {
  return /(?:^|\.)localhost\.?$/i.test(name);
}

/** Reads the hosts file; if there is none, only localhost is known. */
export function readHosts(path = '/etc/hosts'): Hosts {
  const known = new Map<string, LookupAddress[]>();
  for (const line of linesOf(path)) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    if (family === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      known.set(key, [...(known.get(key) ?? []), { address, family }]);
    }
  }
  // Always both addresses, because many files have only one of them.
  known.delete('localhost');
  return {
    find: (name) => known.get(name) ?? (isLocalhost(name) ? loopback : undefined),
  };
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
