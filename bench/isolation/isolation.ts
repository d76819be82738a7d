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
import { runTable } from './table.ts';
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

/** The table of what the load of others costs healthy tenants, or one scenario of how little endpoints cost each other. */
export function runIsolation(bench: Bench): Promise<Result> {
  const { only } = bench.options;
  if (only === undefined) return runTable(bench);
  const { run, rounds, seconds } = plans[only];
  return run({ ...bench, options: { ...bench.options, rounds, seconds, ...bench.options.given } });
}
