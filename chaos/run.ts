import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { Child } from '../harness/child.ts';
import { LineProxy } from '../harness/line-proxy.ts';
import { Random } from '../harness/random.ts';
import { hasRedis, startRedis } from '../harness/redis.ts';
import { migrate } from '../src/db/migrate.ts';
import { createLog } from '../src/log.ts';
import { readBooks } from './books.ts';
import { check, type Verdict } from './check.ts';
import { type Fans, registerFans } from './fans.ts';
import { stranger } from './notifications.ts';
import type { OperatorCounters, OperatorQuestion } from './operator.ts';
import { withoutConstraints } from './poison.ts';
import { ChaosPostgres } from './postgres.ts';
import type { ProducerCounters, ProducerQuestion } from './producer.ts';
import type { ReceiverCounters, ReceiverQuestion } from './receiver.ts';
import { Sampler } from './sampler.ts';
import type { Scenario } from './scenario.ts';
import { type FaultNote, Stage } from './stage.ts';
import { type EndpointName, endpoints, endpointsPerS, type OperatorAct } from './traffic.ts';
import { WorkerSlot } from './workers.ts';

/*
 * One scenario from an empty cluster to the verdict: producers, operator, workers and receiver run in processes of their own; the
 * supervisor has the proxies and does the harm; when all is healed and quiet, the books are compared.
 */

export interface RunOptions {
  readonly seed: number;
  readonly repeats: number;
  readonly webhooks: number;
  readonly minutes: number | undefined;
  /** What the operator leaves alone, besides what the scenario says. */
  readonly without?: readonly OperatorAct[];
  readonly signal: AbortSignal;
  /** How far it is, once a second; and each fault. */
  readonly onProgress: (state: RunState) => void;
  readonly onFault: (what: string) => void;
}

export interface RunState {
  readonly elapsedS: number;
  readonly accepted: number;
  /** In the last second. */
  readonly acceptedPerS: number;
  readonly faults: number;
  readonly phase: 'load' | 'quieting' | 'checking';
}

export interface RunResult extends Verdict {
  readonly scenario: string;
  readonly seed: number;
  readonly elapsedS: number;
  readonly faults: readonly FaultNote[];
  /** What the receiver accepted in each second. */
  readonly acceptedPerSecond: readonly number[];
  /** Date.now() at the first of them. */
  readonly timelineFromMs: number;
}

/** Retries come quickly, so that a run ends; the order of magnitude does not matter to what is proved. */
const retryS = Array.from({ length: 60 }, (_, at) => (at < 10 ? 1 : 3));
const producerCount = 2;
const usualQuietS = 240;
const answerMs = 30_000;

export async function runScenario(scenario: Scenario, options: RunOptions): Promise<RunResult> {
  await using stack = new AsyncDisposableStack();
  const { signal, seed } = options;
  const startedMs = performance.now();
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-chaos-logs-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const receiverLog = join(directory, 'receiver.log');
  const postgres = stack.use(
    await ChaosPostgres.start(scenario.diskMb === undefined ? {} : { diskMb: scenario.diskMb }),
  );
  await migrate({ databaseUrl: postgres.url, log: createLog('warn') });
  const { child: receiver, ready } = await Child.start<ReceiverQuestion>(
    new URL('receiver.ts', import.meta.url),
    {
      signal,
      withinMs: answerMs,
    },
  );
  stack.use(receiver);
  // One question at a time: an answer does not say which one it is for.
  let asked: Promise<unknown> = Promise.resolve();
  const ask = (question: ReceiverQuestion) => {
    const answer = asked.then(() => receiver.ask(question, { signal, withinMs: answerMs }));
    asked = answer.catch(() => {});
    return answer;
  };
  await ask({ ask: 'open', logFile: receiverLog, seed, mood: scenario.mood });
  const receiverProxy = stack.use(
    await LineProxy.start({ host: '127.0.0.1', port: Number(ready) }),
  );
  const spoilsReceiver = ['network', 'everything', 'kinds', 'soak'].includes(scenario.name);
  const receiverUrl = `http://127.0.0.1:${spoilsReceiver ? receiverProxy.port : Number(ready)}`;
  const { endpointIds, fans } = await registerEndpoints(postgres.url, receiverUrl);
  const redis = scenario.redis === true && hasRedis ? stack.use(await startRedis()) : undefined;
  const redisProxy =
    redis === undefined
      ? undefined
      : stack.use(await LineProxy.start({ host: '127.0.0.1', port: redis.port }));
  const postgresProxies: LineProxy[] = [];
  const workers: WorkerSlot[] = [];
  for (let at = 0; at < scenario.workers; at += 1) {
    const proxy = stack.use(await LineProxy.start({ host: '127.0.0.1', port: postgres.port }));
    postgresProxies.push(proxy);
    const slot = new WorkerSlot(`worker ${at + 1}`, {
      DATABASE_URL: postgres.urlAt(proxy.port),
      POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8',
      POSTHORN_HEALTH_PORT: '0',
      POSTHORN_RETRY_SCHEDULE: retryS.map((seconds) => `${seconds}s`).join(','),
      POSTHORN_TIMEOUT: '5s',
      ...(redisProxy === undefined ? {} : { REDIS_URL: `redis://127.0.0.1:${redisProxy.port}` }),
      ...scenario.env,
    });
    stack.use(slot);
    const clockMs = scenario.clocksMs?.[at];
    slot.start(clockMs === undefined ? {} : { clockMs });
    workers.push(slot);
  }
  await Promise.all(workers.map((slot) => slot.ready()));
  const stage = new Stage({
    random: new Random(seed),
    repeats: options.repeats,
    webhooks: options.webhooks,
    postgres,
    workers,
    sheltered: scenario.sheltered ?? 0,
    postgresProxies,
    receiverProxy,
    redis,
    redisProxy,
    setMood: (mood) => ask({ ask: 'mood', mood }),
    signal,
    onFault: options.onFault,
    untilMs:
      options.minutes === undefined ? undefined : performance.now() + options.minutes * 60_000,
  });
  const load: Load = { scenario, options, directory, postgres, receiverUrl, endpointIds, fans };
  const producers = await startProducers(stack, load);
  const operator = await startOperator(stack, load);
  const sampler = new Sampler({ stage, scenario });
  let phase: RunState['phase'] = 'load';
  const acceptedPerSecond: number[] = [];
  const timelineFromMs = Date.now();
  let acceptedBefore = 0;
  const look = setInterval(() => {
    sampler.take();
    ask({ ask: 'counters' }).then(
      (answer) => {
        const { accepted } = answer as ReceiverCounters;
        const elapsedS = (performance.now() - startedMs) / 1_000;
        const acceptedPerS = accepted - acceptedBefore;
        acceptedBefore = accepted;
        acceptedPerSecond.push(acceptedPerS);
        options.onProgress({
          elapsedS,
          accepted,
          acceptedPerS,
          faults: stage.faults.length,
          phase,
        });
      },
      () => {},
    );
  }, 1_000);
  stack.defer(() => clearInterval(look));
  await stage.wait(1_500);
  const loadFromMs = Date.now();
  const lag = monitorEventLoopDelay();
  lag.enable();
  stack.defer(() => void lag.disable());
  await scenario.inject(stage);
  // What still runs of a killed worker's successors is brought up; what is healed stays healed.
  for (const slot of workers) slot.start();
  const counters: ProducerCounters[] = [];
  const finish = { signal, withinMs: 1_800_000 };
  for (const producer of producers) {
    counters.push((await producer.ask({ ask: 'finish' }, finish)) as ProducerCounters);
  }
  const operated = (await operator.ask({ ask: 'finish' }, finish)) as OperatorCounters;
  stage.loadMs = { from: loadFromMs, to: Date.now() };
  phase = 'quieting';
  const client = await openClient(postgres.url);
  stack.defer(() => client.end());
  const quietWithinS = scenario.quietWithinS ?? usualQuietS;
  const quietAfterMs = await untilQuiet(client, { signal, withinS: quietWithinS });
  clearInterval(look);
  phase = 'checking';
  const { lagMs } = (await ask({ ask: 'close' })) as ReceiverCounters;
  stage.lagMs = Math.max(lagMs, lag.max / 1e6);
  const books = await readBooks({
    producers: [...producers.keys(), 'operator' as const].map((at) => producerLog(directory, at)),
    operator: join(directory, 'operator.log'),
    receiver: receiverLog,
  });
  const verdict = await check({ client, books, stage, scenario, retryS });
  const violations = [...verdict.violations];
  if (quietAfterMs === undefined) violations.unshift(`I1 all is quiet within ${quietWithinS} s`);
  return {
    scenario: scenario.name,
    seed,
    elapsedS: Math.round((performance.now() - startedMs) / 1_000),
    faults: stage.faults,
    acceptedPerSecond,
    timelineFromMs,
    violations,
    figures: {
      ...verdict.figures,
      faults: stage.faults.length,
      'quiet after s': Math.round((quietAfterMs ?? quietWithinS * 1_000) / 1_000),
      'waited for CPU, most ms': Math.round(stage.lagMs),
      operator: JSON.stringify(operated),
      'producer errors': JSON.stringify(mergeErrors(counters)),
      'producer p99 ms': Math.round(Math.max(...counters.map(({ p99Ms }) => p99Ms))),
      'producer max ms': Math.round(Math.max(...counters.map(({ maxMs }) => maxMs))),
      'log lines of workers': workers.reduce((sum, { logLines }) => sum + logLines, 0),
      ...(await sampler.figures(client)),
    },
  };
}

interface Load {
  readonly scenario: Scenario;
  readonly options: RunOptions;
  readonly directory: string;
  readonly postgres: ChaosPostgres;
  readonly receiverUrl: string;
  readonly endpointIds: Record<EndpointName, string>;
  readonly fans: Fans;
}

async function startProducers(
  stack: AsyncDisposableStack,
  run: Load,
): Promise<Child<ProducerQuestion>[]> {
  const { scenario, options } = run;
  const limits = { signal: options.signal, withinMs: answerMs };
  const producers: Child<ProducerQuestion>[] = [];
  for (let at = 0; at < producerCount; at += 1) {
    const { child } = await Child.start<ProducerQuestion>(
      new URL('producer.ts', import.meta.url),
      limits,
    );
    stack.use(child);
    producers.push(child);
    await child.ask(
      {
        ask: 'produce',
        name: `p${at}`,
        databaseUrl: run.postgres.url,
        logFile: producerLog(run.directory, at),
        seed: options.seed + at + 1,
        perSecond: scenario.perSecond / producerCount,
        atLeast: Math.ceil(options.webhooks / producerCount),
        receiverUrl: run.receiverUrl,
        fans: run.fans,
        crowd: scenario.crowd,
        endpoints: at === 0 ? run.endpointIds : undefined,
        endpointsPerS: endpointsPerS(scenario.mood),
      },
      limits,
    );
  }
  return producers;
}

async function startOperator(
  stack: AsyncDisposableStack,
  run: Load,
): Promise<Child<OperatorQuestion>> {
  const { scenario, options, directory } = run;
  const limits = { signal: options.signal, withinMs: answerMs };
  const { child } = await Child.start<OperatorQuestion>(
    new URL('operator.ts', import.meta.url),
    limits,
  );
  stack.use(child);
  await child.ask(
    {
      ask: 'operate',
      databaseUrl: run.postgres.url,
      receiverUrl: run.receiverUrl,
      logFile: join(directory, 'operator.log'),
      rowsFile: producerLog(directory, 'operator'),
      seed: options.seed + 1_000,
      everyMs: scenario.operatorEveryMs ?? [200, 1_000],
      without: [...(scenario.without ?? []), ...(options.without ?? [])],
      endpoints: run.endpointIds,
    },
    limits,
  );
  return child;
}

function producerLog(directory: string, at: number | 'operator'): string {
  return join(directory, `producer-${at}.log`);
}

async function registerEndpoints(
  databaseUrl: string,
  receiverUrl: string,
): Promise<{ endpointIds: Record<EndpointName, string>; fans: Fans }> {
  const client = await openClient(databaseUrl);
  try {
    await client.query(`create role ${stranger}`);
    await client.query(withoutConstraints);
    const ids: Record<string, string> = {};
    for (const [name, { isOrdered, maxInFlight, ratePerS }] of Object.entries(endpoints)) {
      const { rows } = await client.query<{ id: string }>(
        `insert into posthorn.endpoints (url, ordered, max_in_flight, rate_limit_per_s)
         values ($1, $2, $3, $4) returning id`,
        [`${receiverUrl}/${name}`, isOrdered, maxInFlight, ratePerS],
      );
      ids[name] = rows[0]?.id ?? '';
    }
    const fans = await registerFans(client, receiverUrl);
    return { endpointIds: ids as Record<EndpointName, string>, fans };
  } finally {
    await client.end();
  }
}

async function openClient(url: string): Promise<pg.Client> {
  for (let tries = 0; ; tries += 1) {
    const client = new pg.Client({ connectionString: url, application_name: 'chaos supervisor' });
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (tries === 100) throw error;
      await delay(200);
    }
  }
}

/** Nothing to do, nothing under way. The time that took; undefined when it did not come. */
async function untilQuiet(
  client: pg.Client,
  { signal, withinS }: { signal: AbortSignal; withinS: number },
): Promise<number | undefined> {
  const startedMs = performance.now();
  while (performance.now() - startedMs < withinS * 1_000) {
    // A webhook that was there for many deaths waits for up to 5 minutes, and this is what some spoilt rows look like.
    await client.query(
      `update posthorn.queue set due_at = now() where uncounted > 30000 and lease_until is null and due_at > now()`,
    );
    const { rows } = await client.query<{ quiet: boolean }>(
      `select not exists (select from posthorn.queue)
         and not exists (select from posthorn.fan_outs)
         and not exists (select from posthorn.attempts where finished_at is null) as quiet`,
    );
    if (rows[0]?.quiet === true) return performance.now() - startedMs;
    await delay(250, undefined, { signal });
  }
  return undefined;
}

function mergeErrors(counters: readonly ProducerCounters[]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const { errors } of counters) {
    for (const [code, count] of Object.entries(errors)) merged[code] = (merged[code] ?? 0) + count;
  }
  return merged;
}
