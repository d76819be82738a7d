import type { Bench } from './bench.ts';
import { drainSections, type Round } from './drain-report.ts';
import { runProduct } from './product-run.ts';
import type { Result } from './report.ts';
import { peerSections } from './studies/peers/cost-report.ts';
import { runCountedRound, runPeers, violationsOf } from './studies/peers/peer-rounds.ts';
import { peerNames, peers } from './studies/peers/peers.ts';
import { openPeerStage, type PeerStage } from './studies/peers/stage.ts';
import { runYardstick } from './yardstick-run.ts';

/** How fast a backlog is drained, beside its yardstick and its peers in the same rounds. */
export async function runDrain(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  await using stage = await openPeerStage(bench);
  const counted = await runCountedRound(bench, stage);
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const round = await runRound(bench, stage);
    rounds.push(round);
    progress.done(`round ${number}: ${roundWords(round)}`);
  }
  const { names } = stage;
  const count = options.webhooks.toLocaleString('en');
  return {
    title: [
      `Drain of ${count} webhooks of 1 KB to ${options.endpoints} endpoints, ${options.workers} worker(s), ` +
        `receiver answers after ${options.delayMs} ms; median, least and most of ${options.rounds} rounds`,
      ...stage.notes,
    ].join('\n'),
    sections: [
      ...drainSections(rounds, options),
      ...peerSections({ rounds, counted, names, rows: options.peerRows }),
    ],
    violations: [
      ...(counted === undefined
        ? []
        : [...counted.product.violations, ...violationsOf(counted.peers)]),
      ...rounds.flatMap((round, index) =>
        roundViolations(round).map((violation) => `round ${index + 1}, ${violation}`),
      ),
    ],
    runs: counted === undefined ? rounds : { counted, rounds },
  };
}

/** Everybody once, in the same order in every round. */
export async function runRound(bench: Bench, stage: PeerStage): Promise<Round> {
  const dispatch = await runYardstick(bench, 'dispatch');
  const product = await runProduct(bench);
  const request = await runYardstick(bench, 'request');
  return { dispatch, request, product, peers: await runPeers(bench, { stage }) };
}

export function roundViolations({ dispatch, request, product, peers: runs }: Round): string[] {
  return [
    ...Object.entries({ dispatch, request, product }).flatMap(([name, { violations }]) =>
      violations.map((violation) => `${name}: ${violation}`),
    ),
    ...violationsOf(runs),
  ];
}

export function roundWords({ dispatch, request, product, peers: runs }: Round): string {
  const rate = (perSecond: number) => `${Math.round(perSecond).toLocaleString('en')}/s`;
  const noise = 100 * ((product.window.foreign ?? 0) + (product.window.stolen ?? 0));
  return [
    `dispatch ${rate(dispatch.perSecond)}, request ${rate(request.perSecond)}`,
    `Posthorn ${rate(product.perSecond)} (noise ${noise.toFixed(0)} %)`,
    ...peerNames.flatMap((name) => {
      const run = runs[name];
      return run === undefined ? [] : [`${peers[name].label} ${rate(run.perSecond)}`];
    }),
  ].join(', ');
}
