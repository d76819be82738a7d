import type { Bench } from '../bench.ts';
import type { Result } from '../report.ts';
import { healthyTenants, runBeside } from './beside.ts';
import type { Fairness } from './fairness.ts';
import { LoadClient } from './load-client.ts';
import { type LoadRow, loads } from './loads.ts';
import { runShares } from './shares.ts';
import { fairnessLine, type Pair, pairLine, tableSections, titleOf } from './table-report.ts';

/*
 * What the load of others costs healthy tenants. In each round each row is measured without the load and with it, one after the
 * other, with new databases and processes. It is a measurement: a bad figure does not fail the run.
 */

export async function runTable(bench: Bench): Promise<Result> {
  const { options, progress, signal } = bench;
  await using others = await LoadClient.start(signal);
  const pairs: Partial<Record<LoadRow, Pair[]>> = {};
  const shares: Fairness[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const name of options.rows) {
      const title = `round ${round}, ${titleOf(name)}`;
      if (name === 'shares') {
        const fairness = await runShares(bench, others);
        progress.done(`${title}: ${fairnessLine(fairness)}`);
        shares.push(fairness);
      } else {
        const pair = await runPair(bench, { name, others, title });
        progress.done(`${title}: ${pairLine(pair)}`);
        pairs[name] = [...(pairs[name] ?? []), pair];
      }
    }
  }
  const percent = options.loadPercent === 100 ? '' : `, ${options.loadPercent} % of each load`;
  return {
    title:
      `${options.rate}/s to ${healthyTenants} healthy tenants for ${options.seconds} s, alone and beside the load of others${percent}; ` +
      `${options.workers} worker(s), ${options.rounds} round(s)`,
    sections: tableSections({ pairs, shares }, options.rate),
    violations: [],
    runs: { pairs, shares },
  };
}

async function runPair(
  bench: Bench,
  { name, others, title }: { name: LoadRow; others: LoadClient; title: string },
): Promise<Pair> {
  bench.progress.now(`${title}: alone`);
  const alone = await runBeside(bench, { load: undefined, others });
  bench.progress.now(`${title}: beside`);
  const beside = await runBeside(bench, { load: loads[name], others });
  return { alone, beside };
}
