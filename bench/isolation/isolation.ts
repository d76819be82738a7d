import type { Bench } from '../bench.ts';
import type { Scenario } from '../options.ts';
import type { Result } from '../report.ts';
import { runDead } from './dead.ts';
import { runHang } from './hang.ts';
import { runIdle } from './idle.ts';
import { runLanes } from './lanes.ts';
import { runLimits } from './limits.ts';
import { runOrdered } from './ordered.ts';
import { runPriorities } from './priorities.ts';
import { runWorkers } from './workers.ts';

interface Plan {
  readonly run: (bench: Bench) => Promise<Result>;
  readonly rounds: number;
  readonly seconds: number;
}

/** Each takes 2 to 3 minutes. */
const plans: Readonly<Record<Scenario, Plan>> = {
  hang: { run: runHang, rounds: 2, seconds: 20 },
  dead: { run: runDead, rounds: 1, seconds: 40 },
  lanes: { run: runLanes, rounds: 5, seconds: 0 },
  workers: { run: runWorkers, rounds: 3, seconds: 0 },
  priorities: { run: runPriorities, rounds: 2, seconds: 15 },
  limits: { run: runLimits, rounds: 3, seconds: 0 },
  ordered: { run: runOrdered, rounds: 3, seconds: 0 },
  idle: { run: runIdle, rounds: 2, seconds: 20 },
};

/** How little endpoints, backlogs and workers cost each other: one scenario after the other. */
export async function runIsolation(bench: Bench): Promise<Result> {
  const results: [Scenario, Result][] = [];
  for (const scenario of bench.options.only) {
    const { run, rounds, seconds } = plans[scenario];
    const options = { ...bench.options, rounds, seconds, ...bench.options.given };
    results.push([scenario, await run({ ...bench, options })]);
  }
  return {
    title: results.map(([scenario, { title }]) => `${scenario}: ${title}`).join('\n'),
    sections: results.flatMap(([scenario, { sections }]) =>
      sections.map((section) => ({ ...section, title: `${scenario}: ${section.title}` })),
    ),
    violations: results.flatMap(([scenario, { violations }]) =>
      violations.map((violation) => `${scenario}, ${violation}`),
    ),
    runs: Object.fromEntries(results.map(([scenario, { runs }]) => [scenario, runs])),
  };
}
