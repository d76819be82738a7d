import type { Bench } from '../bench.ts';
import { type ProductRun, runProduct } from '../product-run.ts';
import { type Figure, figure, type Result } from '../report.ts';
import { noiseOf } from '../window.ts';

/** One drain by each number of workers. */
type Round = ReadonlyMap<number, ProductRun>;

const fleets = [1, 2, 4] as const;

/** The same backlog drained by 1, 2 and 4 worker processes: the rate, what each webhook costs, and no doubles. */
export async function runWorkers(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const round = new Map<number, ProductRun>();
    for (const workers of fleets) {
      round.set(workers, await runProduct({ ...bench, options: { ...options, workers } }));
    }
    rounds.push(round);
    const list = [...round].map(([workers, run]) => `${workers}: ${Math.round(run.perSecond)}/s`);
    progress.done(`workers, round ${number}: ${list.join(', ')}`);
  }
  return {
    title: `drain of ${options.webhooks} webhooks to ${options.endpoints} endpoints by 1, 2 and 4 worker processes, ${options.rounds} rounds`,
    sections: fleets.map((workers) => ({
      title: `${workers} worker process(es)`,
      figures: figuresOf(rounds, { workers, webhooks: options.webhooks }),
    })),
    violations: rounds.flatMap((round) =>
      [...round].flatMap(([workers, { violations }]) =>
        violations.map((violation) => `${workers} worker(s): ${violation}`),
      ),
    ),
    runs: rounds.map((round) => Object.fromEntries(round)),
  };
}

function figuresOf(
  rounds: readonly Round[],
  { workers, webhooks }: { workers: number; webhooks: number },
): Figure[] {
  const line = (
    name: string,
    { unit, digits = 0, of }: { unit: string; digits?: number; of: (run: ProductRun) => number },
  ) =>
    figure(name, {
      unit,
      digits,
      runs: rounds.flatMap((round) => round.get(workers) ?? []),
      of,
    });
  const each = (ms = Number.NaN) => (ms * 1_000) / webhooks;
  return [
    line('rate', { unit: '/s', of: ({ perSecond }) => perSecond }),
    figure('of one worker in the same round', {
      unit: '%',
      digits: 1,
      runs: rounds,
      of: (round) =>
        (100 * (round.get(workers)?.perSecond ?? Number.NaN)) /
        (round.get(1)?.perSecond ?? Number.NaN),
    }),
    line('doubles', { unit: '', of: ({ doubles }) => doubles }),
    line('CPU per webhook, workers', { unit: 'µs', of: ({ window }) => each(window.senderCpuMs) }),
    line('CPU per webhook, Postgres', {
      unit: 'µs',
      of: ({ window }) => each(window.postgresCpuMs),
    }),
    line('noise', { unit: '%', digits: 1, of: ({ window }) => 100 * noiseOf(window) }),
  ];
}
