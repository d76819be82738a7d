import type { Bench } from '../../bench.ts';
import { type ProductRun, runProduct } from '../../product-run.ts';
import { type PeerRun, runPeer } from './peer-run.ts';
import type { PeerName } from './peers.ts';
import type { PeerStage } from './stage.ts';

/** The drains of all peers in one round. */
export type PeerRuns = Readonly<Partial<Record<PeerName, PeerRun>>>;

/** Product and peers in a round whose times are not used: every statement and index write is counted. */
export interface CountedRound {
  readonly product: ProductRun;
  readonly peers: PeerRuns;
}

export async function runPeers(
  bench: Bench,
  { stage, counting = false }: { stage: PeerStage; counting?: boolean },
): Promise<PeerRuns> {
  const runs: Partial<Record<PeerName, PeerRun>> = {};
  for (const name of stage.names) runs[name] = await runPeer(bench, { name, stage, counting });
  return runs;
}

/** The round that counts; undefined when there are no peers to count beside. */
export async function runCountedRound(
  bench: Bench,
  stage: PeerStage,
): Promise<CountedRound | undefined> {
  if (stage.names.length === 0) return undefined;
  const product = await runProduct(bench, undefined, { counting: true });
  const peers = await runPeers(bench, { stage, counting: true });
  bench.progress.done('counted statements and index writes, in a round of its own');
  return { product, peers };
}

/** What does not hold, with the name of whose run it was. */
export function violationsOf(runs: PeerRuns): string[] {
  return Object.entries(runs).flatMap(([name, { violations }]) =>
    violations.map((violation) => `${name}: ${violation}`),
  );
}
