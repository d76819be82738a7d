import { parseArgs } from 'node:util';
import { oneOf, wholeNumber } from '../harness/options.ts';
import { type PeerName, peerNames, type RowsBy, rowsBy } from './studies/peers/peers.ts';

export interface BenchOptions {
  /** What is measured. */
  readonly mode: 'drain' | (typeof modes)[number];
  readonly rounds: number;
  /** A round. */
  readonly webhooks: number;
  /** URLs of the one receiver; each is a lane. */
  readonly endpoints: number;
  /** The receiver answers after so many ms. */
  readonly delayMs: number;
  /** Worker processes. */
  readonly workers: number;
  /** Seconds at each rate of the latency mode, of the steady traffic of a scenario, or of a table's inserts. */
  readonly seconds: number;
  /** The rows of the isolation table, and how many percent of each load. */
  readonly rows: readonly IsolationRow[];
  readonly loadPercent: number;
  /** The isolation scenario to run in place of the table, and what was said about it in place of its own defaults. */
  readonly only: Scenario | undefined;
  readonly given: { readonly rounds?: number; readonly seconds?: number };
  /** Webhooks that wait: for the dead endpoint, or for their time. */
  readonly backlog: number;
  /** The states of growth to measure. */
  readonly grown: readonly GrowthScenario[];
  /** Finished webhooks in the history. */
  readonly history: number;
  /** Whether the loaded database stays for the next run. */
  readonly keep: boolean;
  /** Seconds for which a transaction has been open when the figures are taken, and minutes of churn before. */
  readonly pinnedS: number;
  readonly churnMinutes: number;
  /** Webhooks a second: for each worker of the memory mode, or for the healthy tenants of the isolation table together. */
  readonly rate: number;
  /** Of the memory mode: of 100 webhooks how many go to a host never sent to before. */
  readonly newHostPercents: readonly number[];
  /** MB for Node's --max-semi-space-size; 0 leaves it to Node. A worker for each of them and each of the percents. */
  readonly semiSpaces: readonly number[];
  /** POSTHORN_TIMEOUT of the workers beside an endpoint that hangs, seconds. */
  readonly timeoutS: number;
  /** What the command line leaves no choice of in the matrix. */
  readonly fixed: Partial<Pick<BenchOptions, 'endpoints' | 'delayMs' | 'workers'>>;
  /** Who else is measured, how many webhooks each drains in a round, and how it writes its rows. */
  readonly peers: readonly PeerName[];
  readonly peerWebhooks: number | undefined;
  readonly peerRows: RowsBy | undefined;
  /** Of the file in bench/results. */
  readonly name: string | undefined;
  /** Directory for CPU profiles of the workers. */
  readonly profile: string | undefined;
}

/** Each has an option of its name; without any it is the drain. */
const modes = [
  'latency',
  'isolation',
  'matrix',
  'producers',
  'events',
  'growth',
  'dashboard',
  'operate',
  'memory',
] as const;

export type GrowthScenario = (typeof growthScenarios)[number];
const growthScenarios = ['history', 'waiting', 'endpoints', 'pinned', 'churn'] as const;

export type IsolationRow = (typeof isolationRows)[number];
export const isolationRows = [
  'paths',
  'subdomains',
  'failing',
  'backlog',
  'drip',
  'unread',
  'shares',
] as const;

export type Scenario = (typeof scenarios)[number];
const scenarios = [
  'hang',
  'dead',
  'lanes',
  'workers',
  'priorities',
  'limits',
  'ordered',
  'idle',
] as const;

export const usage = `Usage: npm run bench -- [options]

  --rounds 5         rounds of yardstick and product, alternating
  --webhooks 50000   webhooks in a round
  --endpoints 100    endpoints they go to
  --delay 0          ms the receiver takes to answer
  --workers 1        worker processes
  --latency          measure commit → arrival at 10, 100, 500 and 1,000 webhooks a second instead
  --seconds 10       of each rate of --latency
  --matrix           drain at every combination of a receiver that answers after 0 and 50 ms, 1, 100 and 5,000
                     endpoints, and 1, 2 and 4 workers; --delay, --endpoints and --workers leave only theirs
  --isolation        measure what the load of others costs healthy tenants instead: a table, 6 minutes with --rounds 1.
                     --seconds 10 of traffic, --rate 100 to all healthy tenants together
  --row NAME         only this row of the table, may be given again: ${isolationRows.join(', ')}
  --load-percent 100 of each load of the table
  --producers        measure what inserting costs a producer instead, beside tables without trigger;
                     --seconds 3 for each table
  --events           measure what events cost beside direct sends instead: inserts, drain, 10,000 recipients, filters,
                     changes of subscriptions under full load
  --growth           measure what a grown database costs beside an empty one instead; hours, or
                     less with --history 200000 --backlog 100000 --pinned 30 --minutes 1
  --dashboard        measure every request of the dashboard instead, while the history grows to --history
  --operate          measure what an operator does with 10 million finished webhooks over 40 days: reports, scrapes
                     and pruning; 10 minutes, of which --keep saves three the next time
  --memory           measure what a worker takes of memory instead while webhooks come for --minutes, one worker for each
                     of --new-hosts 10,100 (percent) and --semi-spaces 0,16 (MB; 0: as Node sizes it), --rate 100 each
  --only NAME        in place of the table of --isolation: hang, dead, lanes, workers, priorities, limits, ordered or idle, each with its
                     own --rounds and --seconds;
                     history, waiting, endpoints, pinned or churn of --growth
  --backlog 1000000  webhooks that wait, for the dead endpoint or for their time
  --history 10000000 finished webhooks; takes 7 GB
  --keep             leave the loaded database of --operate on the server of BENCH_DATABASE_URL, and use it if it is there
  --pinned 300       seconds for which a transaction has been open when the figures are taken
  --minutes 60       of churn before the figures are taken, or of --memory
  --timeout 5        seconds until the workers give up the endpoint that hangs
  --peers            measure BullMQ, pg-boss and a Graphile Worker job per webhook beside (drain, latency, matrix);
                     they are installed in bench/node_modules when they are not there
  --peer NAME        only this one, may be given again: ${peerNames.join(', ')}
  --peer-webhooks N  webhooks they drain in a round, fewer than --webhooks, because they are slower: by default 5,000
                     or 20,000 with rows in batches
  --peer-rows MODE   how their jobs write their rows. steps: by a statement for each step; one: by one statement before
                     the request and one after it; batch: together with other jobs'. By default one for BullMQ and
                     pg-boss, batch for Graphile Worker
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
      endpoints: { type: 'string' },
      delay: { type: 'string' },
      workers: { type: 'string' },
      latency: { type: 'boolean', default: false },
      isolation: { type: 'boolean', default: false },
      matrix: { type: 'boolean', default: false },
      producers: { type: 'boolean', default: false },
      events: { type: 'boolean', default: false },
      growth: { type: 'boolean', default: false },
      dashboard: { type: 'boolean', default: false },
      operate: { type: 'boolean', default: false },
      memory: { type: 'boolean', default: false },
      rate: { type: 'string', default: '100' },
      'new-hosts': { type: 'string', default: '10,100' },
      'semi-spaces': { type: 'string', default: '0,16' },
      keep: { type: 'boolean', default: false },
      only: { type: 'string' },
      row: { type: 'string', multiple: true, default: [] },
      'load-percent': { type: 'string', default: '100' },
      history: { type: 'string', default: '10000000' },
      pinned: { type: 'string', default: '300' },
      minutes: { type: 'string', default: '60' },
      seconds: { type: 'string' },
      backlog: { type: 'string', default: '1000000' },
      timeout: { type: 'string', default: '5' },
      peers: { type: 'boolean', default: false },
      peer: { type: 'string', multiple: true, default: [] },
      'peer-webhooks': { type: 'string' },
      'peer-rows': { type: 'string' },
      name: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const { only } = values;
  const mode = modes.find((name) => values[name]) ?? 'drain';
  const given = {
    ...numberOf('rounds', { as: 'rounds', value: values.rounds, min: 1 }),
    ...numberOf('seconds', { as: 'seconds', value: values.seconds, min: 1 }),
  };
  const fixed = {
    ...numberOf('endpoints', { as: 'endpoints', value: values.endpoints, min: 1 }),
    ...numberOf('delay', { as: 'delayMs', value: values.delay, min: 0 }),
    ...numberOf('workers', { as: 'workers', value: values.workers, min: 1 }),
  };
  return {
    mode,
    rounds: 5,
    seconds: 10,
    ...given,
    given,
    webhooks: wholeNumber(values.webhooks, { option: 'webhooks', min: 100 }),
    endpoints: 100,
    delayMs: 0,
    workers: 1,
    ...fixed,
    fixed,
    rows:
      values.row.length === 0
        ? isolationRows
        : isolationRows.filter((name) => values.row.map(rowOf).includes(name)),
    loadPercent: wholeNumber(values['load-percent'], { option: 'load-percent', min: 1 }),
    only:
      mode === 'growth' || only === undefined
        ? undefined
        : oneOf(scenarios, { option: 'only', value: only }),
    grown: mode === 'growth' ? chosen(growthScenarios, only) : [],
    backlog: wholeNumber(values.backlog, { option: 'backlog', min: 100 }),
    history: wholeNumber(values.history, { option: 'history', min: 10_000 }),
    keep: values.keep,
    pinnedS: wholeNumber(values.pinned, { option: 'pinned', min: 1 }),
    churnMinutes: wholeNumber(values.minutes, { option: 'minutes', min: 1 }),
    rate: wholeNumber(values.rate, { option: 'rate', min: 1 }),
    newHostPercents: wholes(values['new-hosts'], { option: 'new-hosts', min: 0 }),
    semiSpaces: wholes(values['semi-spaces'], { option: 'semi-spaces', min: 0 }),
    timeoutS: wholeNumber(values.timeout, { option: 'timeout', min: 1 }),
    peers: values.peers
      ? peerNames
      : peerNames.filter((name) => values.peer.map(peerOf).includes(name)),
    peerWebhooks: undefined,
    ...numberOf('peer-webhooks', { as: 'peerWebhooks', value: values['peer-webhooks'], min: 100 }),
    peerRows: values['peer-rows'] === undefined ? undefined : rowsByOf(values['peer-rows']),
    name: values.name,
    profile: values.profile,
  };
}

/** All of them, or the one that --only names. */
function chosen<Name extends string>(
  names: readonly Name[],
  only: string | undefined,
): readonly Name[] {
  return only === undefined ? names : [oneOf(names, { option: 'only', value: only })];
}

function rowOf(value: string): IsolationRow {
  return oneOf(isolationRows, { option: 'row', value });
}

function peerOf(value: string): PeerName {
  return oneOf(peerNames, { option: 'peer', value });
}

function rowsByOf(value: string): RowsBy {
  return oneOf(rowsBy, { option: 'peer-rows', value });
}

/** The option's number under a name; nothing when it is not given. */
function numberOf<Name extends string>(
  option: string,
  { as, value, min }: { as: Name; value: string | undefined; min: number },
): { [Key in Name]?: number } {
  if (value === undefined) return {};
  return { [as]: wholeNumber(value, { option, min }) } as { [Key in Name]?: number };
}

function wholes(value: string, { option, min }: { option: string; min: number }): number[] {
  return value.split(',').map((one) => wholeNumber(one, { option, min }));
}
