import { execFileSync } from 'node:child_process';
import type { RedisServer } from '../../test/support/redis.ts';
import type { Bench } from '../bench.ts';
import { installPeers } from './install.ts';
import { type PeerName, type PeerSite, peers } from './peers.ts';

/** What the peers of a run share. */
export interface PeerStage extends AsyncDisposable {
  /** Those that are measured. */
  readonly names: readonly PeerName[];
  /** Why others, which were asked for, are not. */
  readonly notes: readonly string[];
  readonly redis: RedisServer | undefined;
}

/**
 * Installs the peers that were asked for, and starts a redis-server of our own on a free port, in a temporary directory,
 * if one of them needs it. Where there is no redis-server, that one is left out.
 */
export async function openPeerStage({ options, progress, signal }: Bench): Promise<PeerStage> {
  if (options.peers.length > 0) await installPeers(progress, signal);
  const wantsRedis = options.peers.some((name) => peers[name].needsRedis);
  const canHaveRedis = wantsRedis && hasRedisServer();
  const names = options.peers.filter((name) => canHaveRedis || !peers[name].needsRedis);
  const notes = options.peers
    .filter((name) => !names.includes(name))
    .map(
      (name) =>
        `${peers[name].label} is not measured: it needs a redis-server on the PATH (Debian: apt-get install redis-server)`,
    );
  for (const note of notes) progress.done(note);
  const redis = canHaveRedis ? await startPeerRedis() : undefined;
  return {
    names,
    notes,
    redis,
    async [Symbol.asyncDispose]() {
      await redis?.stop();
    },
  };
}

export function siteOf({ redis }: PeerStage, site: Omit<PeerSite, 'redisUrl'>): PeerSite {
  return { ...site, redisUrl: redis?.url };
}

/** As docs.bullmq.io/guide/going-to-production wants it: append-only file, synced every second, and nothing evicted. */
async function startPeerRedis(): Promise<RedisServer> {
  const { startRedis } = await import('../../test/support/redis.ts');
  return startRedis([
    '--appendonly',
    'yes',
    '--appendfsync',
    'everysec',
    '--maxmemory-policy',
    'noeviction',
  ]);
}

export function hasRedisServer(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
