import type { Bench } from '../../bench.ts';
import type { GrowthScenario } from '../../options.ts';
import type { Result } from '../../report.ts';
import { noiseOf } from '../../window.ts';
import { growChurn } from './churn.ts';
import { drawGrowth } from './curve.ts';
import { growEndpoints } from './endpoints.ts';
import type { Growing, Grown } from './grown.ts';
import { growHistory } from './history.ts';
import { growPinned } from './pinned.ts';
import { type Pair, type State, stateSections } from './report.ts';
import { measureState, type StateRun } from './state-run.ts';
import { growWaiting } from './waiting.ts';

/*
 * What does a database that has grown cost? The same figures in an empty database (A) and in the grown one (B), by turns.
 */

const growings: Readonly<Record<GrowthScenario, Growing>> = {
  history: growHistory,
  waiting: growWaiting,
  endpoints: growEndpoints,
  pinned: growPinned,
  churn: growChurn,
};

export async function runGrowth(bench: Bench): Promise<Result> {
  const { options } = bench;
  const states: (State & { readonly scenario: GrowthScenario })[] = [];
  for (const scenario of options.grown) {
    for await (const grown of growings[scenario](bench)) {
      states.push({ scenario, ...(await measureGrown(bench, grown)) });
    }
  }
  const { webhooks, rounds, seconds } = options;
  const history = states.filter(({ scenario }) => scenario === 'history');
  return {
    title:
      `A drain of ${webhooks.toLocaleString('en')} webhooks of 1 KB, and ${seconds} s of traffic at each rate, in an empty and in a ` +
      `grown database by turns; ${options.workers} worker(s), median, least and most of ${rounds} rounds`,
    sections: states.flatMap((state) => stateSections(state, webhooks)),
    violations: states.flatMap(({ title, pairs }) =>
      pairs.flatMap((pair, index) =>
        Object.entries(pair).flatMap(([which, { violations }]: [string, StateRun]) =>
          violations.map((violation) => `${title}, round ${index + 1}, ${which}: ${violation}`),
        ),
      ),
    ),
    pictures: history.length > 1 ? { history: drawGrowth(history, { webhooks, rounds }) } : {},
    runs: states,
  };
}

async function measureGrown(bench: Bench, grown: Grown): Promise<State> {
  const { options, progress } = bench;
  const pairs: Pair[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const empty = await measureEmpty(bench);
    await using opened = await grown.open();
    const { database } = opened;
    const run = await measureState(bench, { database, endpoints: grown.endpoints });
    pairs.push({ empty, grown: run });
    progress.done(`${grown.title}, round ${number}: empty ${lineOf(empty)}; grown ${lineOf(run)}`);
  }
  return { title: grown.title, size: grown.size, pairs, facts: grown.facts() };
}

async function measureEmpty(bench: Bench): Promise<StateRun> {
  await using database = await bench.server.createDatabase();
  return await measureState(bench, { database, endpoints: bench.options.endpoints });
}

function lineOf({ drain, steady }: StateRun): string {
  const latencies = steady.map(
    ({ perSecond, p50Ms, p99Ms }) =>
      `${perSecond}/s p50 ${p50Ms.toFixed(1)} p99 ${p99Ms.toFixed(1)} ms`,
  );
  const noise = 100 * noiseOf(drain.window);
  return `${Math.round(drain.perSecond)}/s, ${latencies.join(', ')} (noise ${noise.toFixed(0)} %)`;
}
