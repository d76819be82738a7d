import { execFileSync } from 'node:child_process';
import type { RedisServer } from '../../../harness/redis.ts';
import type { Bench } from '../../bench.ts';
import { installPeers, peerVersions } from './install.ts';
import { type PeerName, type PeerSite, peers } from './peers.ts';

/** What the peers of a run share. */
export interface PeerStage extends AsyncDisposable {
  /** Those that are measured. */
  readonly names: readonly PeerName[];
  /** Their versions; why others, which were asked for, are not measured. */
  readonly notes: readonly string[];
  readonly redis: RedisServer | undefined;
}

/**
 * Installs the peers that were asked for, and starts a redis-server of our own on a free port, in a temporary directory,
 * if one of them needs it. Where there is no redis-server, that one is left out.
 */
export async function openPeerStage({ options, progress, signal }: Bench): Promise<PeerStage> {
  if (options.peers.length === 0) return emptyStage;
  await installPeers(progress, signal);
  const redisVersion = redisServerVersion();
  const names = options.peers.filter(
    (name) => redisVersion !== undefined || !peers[name].needsRedis,
  );
  const leftOut = options.peers
    .filter((name) => !names.includes(name))
    .map(
      (name) =>
        `${peers[name].label} is not measured: it needs a redis-server on the PATH (Debian: apt-get install redis-server)`,
    );
  for (const note of leftOut) progress.done(note);
  const needsRedis = names.some((name) => peers[name].needsRedis);
  const redis = needsRedis ? await startPeerRedis() : undefined;
  const versions = [
    ...(await peerVersions()),
    ...(needsRedis ? [`redis-server ${redisVersion}`] : []),
  ];
  return {
    names,
    notes: [...leftOut, `Peers: ${versions.join(', ')}`],
    redis,
    async [Symbol.asyncDispose]() {
      await redis?.stop();
    },
  };
}

const emptyStage: PeerStage = {
  names: [],
  notes: [],
  redis: undefined,
  async [Symbol.asyncDispose]() {},
};

export function siteOf({ redis }: PeerStage, site: Omit<PeerSite, 'redisUrl'>): PeerSite {
  return { ...site, redisUrl: redis?.url };
}

/** As docs.bullmq.io/guide/going-to-production wants it: append-only file, synced every second, and nothing evicted. */
async function startPeerRedis(): Promise<RedisServer> {
  const { startRedis } = await import('../../../harness/redis.ts');
  return startRedis([
    '--appendonly',
    'yes',
    '--appendfsync',
    'everysec',
    '--maxmemory-policy',
    'noeviction',
  ]);
}

/** Of the redis-server on the PATH; undefined when there is none. */
export function redisServerVersion(): string | undefined {
  try {
    const said = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
    return /v=(\S+)/.exec(said)?.[1] ?? said.trim();
  } catch {
    return undefined;
  }
}
