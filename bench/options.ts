import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** What is measured. */
  readonly mode: 'drain' | 'latency' | 'isolation';
  readonly rounds: number;
  /** A round. */
  readonly webhooks: number;
  /** URLs of the one receiver; each is a lane. */
  readonly endpoints: number;
  /** The receiver answers after so many ms. */
  readonly delayMs: number;
  /** Worker processes. */
  readonly workers: number;
  /** Seconds at each rate of the latency mode, or of the steady traffic of an isolation scenario. */
  readonly seconds: number;
  /** The isolation scenarios to run, and what was said about them in place of their own defaults. */
  readonly only: readonly Scenario[];
  readonly given: { readonly rounds?: number; readonly seconds?: number };
  /** Webhooks that wait for the dead endpoint. */
  readonly backlog: number;
  /** POSTHORN_TIMEOUT of the workers beside an endpoint that hangs, seconds. */
  readonly timeoutS: number;
  /** Of the file in bench/results. */
  readonly name: string | undefined;
  /** Directory for CPU profiles of the workers. */
  readonly profile: string | undefined;
}

export type Scenario = (typeof scenarios)[number];
const scenarios = ['hang', 'dead', 'lanes', 'workers', 'priorities', 'limits', 'idle'] as const;

export const usage = `Usage: npm run bench -- [options]

  --rounds 5         rounds of yardstick and product, alternating
  --webhooks 50000   webhooks in a round
  --endpoints 100    endpoints they go to
  --delay 0          ms the receiver takes to answer
  --workers 1        worker processes
  --latency          measure commit → arrival at 10, 100 and 500 webhooks a second instead
  --seconds 10       of each rate of --latency
  --isolation        measure how little endpoints, backlogs and workers cost each other instead;
                     each scenario has its own --rounds, --seconds, --endpoints and --workers
  --only NAME        hang, dead, lanes, workers, priorities, limits or idle
  --backlog 1000000  webhooks that wait for the dead endpoint
  --timeout 5        seconds until the workers give up the endpoint that hangs
  --name NAME        of the file in bench/results
  --profile DIR      write CPU profiles of the workers there

BENCH_DATABASE_URL: use this Postgres, not an embedded one. The role must be allowed to create databases.`;

/**
 * Reads the command line.
 *
 * @throws Error that says which option is wrong, to be shown with the usage.
 */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      webhooks: { type: 'string', default: '50000' },
      endpoints: { type: 'string', default: '100' },
      delay: { type: 'string', default: '0' },
      workers: { type: 'string', default: '1' },
      latency: { type: 'boolean', default: false },
      isolation: { type: 'boolean', default: false },
      only: { type: 'string' },
      seconds: { type: 'string' },
      backlog: { type: 'string', default: '1000000' },
      timeout: { type: 'string', default: '5' },
      name: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const { rounds, seconds } = values;
  const given = {
    ...(rounds === undefined ? {} : { rounds: whole(rounds, { option: 'rounds', min: 1 }) }),
    ...(seconds === undefined ? {} : { seconds: whole(seconds, { option: 'seconds', min: 1 }) }),
  };
  return {
    mode: values.isolation ? 'isolation' : values.latency ? 'latency' : 'drain',
    rounds: 5,
    seconds: 10,
    ...given,
    given,
    webhooks: whole(values.webhooks, { option: 'webhooks', min: 100 }),
    endpoints: whole(values.endpoints, { option: 'endpoints', min: 1 }),
    delayMs: whole(values.delay, { option: 'delay', min: 0 }),
    workers: whole(values.workers, { option: 'workers', min: 1 }),
    only: values.only === undefined ? scenarios : [scenarioOf(values.only)],
    backlog: whole(values.backlog, { option: 'backlog', min: 100 }),
    timeoutS: whole(values.timeout, { option: 'timeout', min: 1 }),
    name: values.name,
    profile: values.profile,
  };
}

function scenarioOf(value: string): Scenario {
  const found = scenarios.find((scenario) => scenario === value);
  if (found !== undefined) return found;
  throw new Error(
    `Cannot use --only as it must be one of ${scenarios.join(', ')}: current value is ${value}`,
  );
}

function whole(value: string, { option, min }: { option: string; min: number }): number {
  const number = /^\d{1,8}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min) return number;
  throw new Error(
    `Cannot use --${option} as it must be a whole number from ${min}: current value is ${value}`,
  );
}
