import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { oneOf, wholeNumberIfGiven } from '../harness/options.ts';
import { Progress } from '../harness/progress.ts';
import { abortedBySignals } from '../harness/stopping.ts';
import { everything, oneOfEachKind, soak } from './mixed.ts';
import { drawTimeline } from './picture.ts';
import { canMountDisk } from './postgres.ts';
import { replay } from './replay.ts';
import { type RunResult, runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { type OperatorAct, operatorActs } from './traffic.ts';

/*
 * `npm run chaos`: harms a running Posthorn in every way we know and checks that no webhook is lost; see
 * docs/reliability.md. Exit code 1 when an invariant does not hold. Whatever ends it, its processes end with it.
 */

const all: readonly Scenario[] = [...scenarios, replay, everything, oneOfEachKind, soak];

const usage = `Usage: npm run chaos -- [options]

  (none)          every fault once, about 3 minutes
  --all           every scenario with its own counts: hours
  --only a,b      ${all.map(({ name }) => name).join(', ')}
  --kills 200     the scenario "kills" with so many
  --minutes 30    the scenario "soak" for so long
  --repeats 3     of the faults, in place of the scenario's own
  --webhooks 1000 at least, in place of the scenario's own
  --per-second 50 webhooks, in place of the scenario's own: for a machine that has other work
  --without a,b   ${operatorActs.join(', ')}: what the operator leaves alone
  --seed 1        decides which fault comes when; printed with every run

Needs a redis-server for the scenarios with Redis, and the right to mount for those that fill a disk; without, they are left out.`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const stopping = abortedBySignals();
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        all: { type: 'boolean', default: false },
        only: { type: 'string' },
        kills: { type: 'string' },
        minutes: { type: 'string' },
        repeats: { type: 'string' },
        webhooks: { type: 'string' },
        'per-second': { type: 'string' },
        without: { type: 'string' },
        seed: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      return 0;
    }
    const chosen = choose(values);
    const number = (option: 'seed' | 'per-second' | 'kills' | 'repeats' | 'webhooks' | 'minutes') =>
      wholeNumberIfGiven(values[option], { option });
    const seed = number('seed') ?? Math.floor(Math.random() * 1_000_000);
    const perSecond = number('per-second');
    const results: RunResult[] = [];
    for (const scenario of chosen) {
      const { name } = scenario;
      results.push(
        await run(perSecond === undefined ? scenario : { ...scenario, perSecond }, {
          seed,
          repeats: (name === 'kills' ? number('kills') : undefined) ?? number('repeats'),
          webhooks: number('webhooks'),
          minutes: number('minutes') ?? (name === 'soak' ? 30 : undefined),
          without: acts(values.without),
          signal: stopping.signal,
        }),
      );
    }
    return results.every(({ violations }) => violations.length === 0) ? 0 : 1;
  } catch (error) {
    console.error(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    if (error instanceof TypeError) console.error(usage);
    return 1;
  }
}

function choose(values: {
  all?: boolean;
  only?: string | undefined;
  kills?: string | undefined;
  minutes?: string | undefined;
}): readonly Scenario[] {
  if (values.only !== undefined) return values.only.split(',').map(named);
  if (values.all === true) return all.filter(isPossible);
  const picked = [
    ...(values.kills === undefined ? [] : ['kills']),
    ...(values.minutes === undefined ? [] : ['soak']),
  ];
  return picked.length > 0 ? picked.map(named) : [everything];
}

function named(value: string): Scenario {
  return oneOf(all, { option: 'only', value, nameOf: ({ name }) => name });
}

function isPossible({ name, diskMb }: Scenario): boolean {
  if (diskMb === undefined || canMountDisk()) return true;
  console.error(`Left out: ${name}, as no small disk can be mounted here`);
  return false;
}

function acts(value: string | undefined): readonly OperatorAct[] {
  const names = value?.split(',') ?? [];
  return names.map((name) => oneOf(operatorActs, { option: 'without', value: name }));
}

async function run(
  scenario: Scenario,
  options: {
    readonly seed: number;
    readonly repeats: number | undefined;
    readonly webhooks: number | undefined;
    readonly minutes: number | undefined;
    readonly without: readonly OperatorAct[];
    readonly signal: AbortSignal;
  },
): Promise<RunResult> {
  const progress = new Progress();
  const { seed, signal, minutes } = options;
  progress.done(`${scenario.name} (seed ${seed}): ${scenario.fault}`);
  const result = await runScenario(scenario, {
    seed,
    signal,
    minutes,
    without: options.without,
    repeats: options.repeats ?? scenario.repeats,
    webhooks: options.webhooks ?? scenario.webhooks,
    onFault: (what) => progress.done(`  ${what}`),
    onProgress: ({ elapsedS, accepted, acceptedPerS, faults, phase }) => {
      const left = minutes === undefined ? '' : ` of ${minutes * 60}`;
      progress.now(
        `  ${elapsedS.toFixed(0)}${left} s · ${phase} · ${accepted} accepted, ${acceptedPerS}/s · ${faults} faults`,
      );
    },
  });
  console.log(`\n${scenario.name}: ${scenario.target}`);
  for (const [name, value] of Object.entries(result.figures)) console.log(`  ${name}: ${value}`);
  console.log(`  took: ${result.elapsedS} s`);
  for (const violation of result.violations) console.error(`  VIOLATED ${violation}`);
  console.log(result.violations.length === 0 ? '  holds\n' : '  DOES NOT HOLD\n');
  await save(result);
  return result;
}

async function save(result: RunResult): Promise<void> {
  const directory = fileURLToPath(new URL('results/', import.meta.url));
  await mkdir(directory, { recursive: true });
  const at = new Date().toISOString();
  const path = `${directory}${result.scenario}-${at.replaceAll(':', '').slice(0, 17)}`;
  await writeFile(`${path}.json`, `${JSON.stringify({ at, ...result }, null, 2)}\n`);
  const { faults, timelineFromMs, acceptedPerSecond, scenario, seed } = result;
  const picture = drawTimeline({
    title: `Webhooks accepted per second, and ${faults.length} faults (${scenario}, seed ${seed})`,
    perSecond: acceptedPerSecond,
    faults: faults.map(({ atMs, what }) => ({ atS: (atMs - timelineFromMs) / 1_000, what })),
  });
  await writeFile(`${path}.svg`, picture);
  console.log(`  ${path}.json, .svg\n`);
}
