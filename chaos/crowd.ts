// Pure: no I/O, no clock, no randomness.

import type { Random } from '../harness/random.ts';

/*
 * Traffic of many tenants in place of that to plain URLs: healthy ones, one whose host hangs on many paths, and one that gets 500 on
 * many paths. The two behave like this while the receiver's mood has trouble, and take all afterwards.
 */

export interface Crowd {
  /** Each has a host of its own. */
  readonly healthyTenants: number;
  readonly hangingPaths: number;
  readonly failingPaths: number;
}

/** Shares of the webhooks. */
const hanging = 0.3;
const failing = 0.2;

const healthyPrefix = '/healthy/';
const hangingPrefix = '/hanging/';
const failingPrefix = '/failing/';

/** Where a webhook of the crowd goes. The one that hangs has no tenant, so that its host is what its webhooks share. */
export function crowdTarget(
  { healthyTenants, hangingPaths, failingPaths }: Crowd,
  { receiverUrl, random }: { receiverUrl: string; random: Random },
): { url: string; tenant: string } {
  // Names below localhost lead to loopback without a name server.
  const at = (host: string) => receiverUrl.replace('127.0.0.1', `${host}.localhost`);
  const dice = random.next();
  if (dice < hanging) {
    const path = random.whole(1, hangingPaths);
    return { url: `${at('hanging')}${hangingPrefix}${path}`, tenant: '' };
  }
  if (dice < hanging + failing) {
    const path = random.whole(1, failingPaths);
    return { url: `${at('failing')}${failingPrefix}${path}`, tenant: 'failing' };
  }
  const number = random.whole(1, healthyTenants);
  return {
    url: `${at(`healthy-${number}`)}${healthyPrefix}${number}`,
    tenant: `healthy-${number}`,
  };
}

export function isHealthy(path: string): boolean {
  return path.startsWith(healthyPrefix);
}

export function hangs(path: string): boolean {
  return path.startsWith(hangingPrefix);
}

export function fails(path: string): boolean {
  return path.startsWith(failingPrefix);
}
