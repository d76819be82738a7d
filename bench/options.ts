import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly rounds: number;
  /** A round. */
  readonly webhooks: number;
  /** URLs of the one receiver; each is a lane. */
  readonly endpoints: number;
  /** The receiver answers after so many ms. */
  readonly delayMs: number;
  /** Worker processes. */
  readonly workers: number;
  /** Measure the way from commit to receiver in place of the drain. */
  readonly latency: boolean;
  /** Seconds at each rate of the latency mode. */
  readonly seconds: number;
  /** Of the file in bench/results. */
  readonly name: string | undefined;
  /** Directory for CPU profiles of the workers. */
  readonly profile: string | undefined;
}

export const usage = `Usage: npm run bench -- [options]

  --rounds 5         rounds of yardstick and product, alternating
  --webhooks 50000   webhooks in a round
  --endpoints 100    endpoints they go to
  --delay 0          ms the receiver takes to answer
  --workers 1        worker processes
  --latency          measure commit → arrival at 10, 100 and 500 webhooks a second instead
  --seconds 10       of each rate of --latency
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
      rounds: { type: 'string', default: '5' },
      webhooks: { type: 'string', default: '50000' },
      endpoints: { type: 'string', default: '100' },
      delay: { type: 'string', default: '0' },
      workers: { type: 'string', default: '1' },
      latency: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '10' },
      name: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    rounds: whole(values.rounds, { option: 'rounds', min: 1 }),
    webhooks: whole(values.webhooks, { option: 'webhooks', min: 100 }),
    endpoints: whole(values.endpoints, { option: 'endpoints', min: 1 }),
    delayMs: whole(values.delay, { option: 'delay', min: 0 }),
    workers: whole(values.workers, { option: 'workers', min: 1 }),
    latency: values.latency,
    seconds: whole(values.seconds, { option: 'seconds', min: 1 }),
    name: values.name,
    profile: values.profile,
  };
}

function whole(value: string, { option, min }: { option: string; min: number }): number {
  const number = /^\d{1,8}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min) return number;
  throw new Error(
    `Cannot use --${option} as it must be a whole number from ${min}: current value is ${value}`,
  );
}
