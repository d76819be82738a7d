import type { LookupAddress } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

/*
 * What is known without asking a name server: /etc/hosts, and localhost (RFC 6761, 6.3).
 *
 * Containers are told of their host and of each other this way (extra_hosts, hostAliases), when they are made: the file is
 * read once.
 */

export interface Hosts {
  /** By a name in lower case, without a dot at its end. */
  find(name: string): readonly LookupAddress[] | undefined;
}

export const loopback: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/** Whether a name is localhost or below it, whatever a name server says of it (RFC 6761, 6.3). */
export function isLocalhost(name: string): boolean {
  return /(?:^|\.)localhost\.?$/i.test(name);
}

/** Without such a file only localhost is known. */
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
  // Both, whatever the file says: many have only one of them.
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
