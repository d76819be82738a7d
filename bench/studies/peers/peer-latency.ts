import type { Bench } from '../../bench.ts';
import { peerViolations, receiverViolations } from '../../checks.ts';
import { runSteady, type Steady } from '../../steady.ts';
import { PeerFleet } from './peer-fleet.ts';
import { PeerWorld } from './peer-world.ts';
import { type PeerName, peers } from './peers.ts';
import type { PeerStage } from './stage.ts';

/** One after the other, until one is not held. */
export interface RateSeries {
  readonly runs: readonly Steady[];
  readonly violations: readonly string[];
}

interface SeriesPlan {
  readonly name: PeerName;
  readonly stage: PeerStage;
  readonly rates: readonly number[];
  readonly warmUp: { readonly perSecond: number; readonly webhooks: number };
}

/**
 * Steady traffic at each rate, to a peer's running workers. A rate that it does not hold is the last: the next would only
 * measure what is left of this one.
 */
export async function runPeerRates(
  bench: Bench,
  { name, stage, rates, warmUp }: SeriesPlan,
): Promise<RateSeries> {
  const { options, progress, receiver, signal } = bench;
  // A receiver that takes its time needs many at once.
  const tunedFor = options.delayMs === 0 ? 'latency' : 'drain';
  await using world = await PeerWorld.open(bench, { stage, name, tunedFor });
  await using fleet = await PeerFleet.start(name, { workers: options.workers, signal });
  await fleet.begin(world.site);
  const { database, producer, redisPid: redis } = world;
  const cast = { database, producer, fleet, redis, endpoints: options.endpoints };
  const runs: Steady[] = [await runSteady(bench, { ...cast, ...warmUp })];
  for (const perSecond of rates) {
    progress.now(`${peers[name].label}: ${perSecond} webhooks a second for ${options.seconds} s`);
    const run = await runSteady(bench, {
      ...cast,
      perSecond,
      webhooks: perSecond * options.seconds,
    });
    runs.push(run);
    if (!run.isHeld) break;
  }
  const troubles = await fleet.stop();
  // What came after the last rate was given up counts too.
  const last = await receiver.counters();
  const committed = runs.reduce((sum, run) => sum + run.committed, 0);
  const delivered = runs.slice(0, -1).reduce((sum, run) => sum + run.delivered, last.uniqueIds);
  return {
    runs: runs.slice(1),
    violations: [
      ...troubles,
      ...runs.slice(0, -1).flatMap(({ perSecond, violations }) => {
        return violations.map((violation) => `${perSecond}/s: ${violation}`);
      }),
      ...receiverViolations(last, last.uniqueIds),
      ...peerViolations(await world.readStanding(), { webhooks: committed, delivered }),
    ].map((violation) => `${name}: ${violation}`),
  };
}
