import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { answerParent } from '../harness/parent.ts';
import { Random } from '../harness/random.ts';
import { type Crowd, crowdTarget } from './crowd.ts';
import { type Fans, tenant, webhooksOf } from './fans.ts';
import {
  burstOf,
  type EndpointName,
  endpointNames,
  hashOf,
  type ProducerLine,
  plainLanes,
  secret,
} from './traffic.ts';

/*
 * A producer, a process of its own: inserts webhooks in transactions, as an application does, and logs what it knows of
 * each to an append-only file. A COMMIT whose answer is lost is `unknown`: both is right, as long as it is all or nothing.
 */

export interface ProducerTask {
  readonly ask: 'produce';
  readonly name: string;
  readonly databaseUrl: string;
  readonly logFile: string;
  readonly seed: number;
  readonly perSecond: number;
  readonly atLeast: number;
  readonly receiverUrl: string;
  /** Where its events go. */
  readonly fans: Fans;
  /** Where its other webhooks go in place of plain URLs. */
  readonly crowd: Crowd | undefined;
  /** Ids of the registered endpoints; one producer has them, so that their order is known. */
  readonly endpoints: Readonly<Record<EndpointName, string>> | undefined;
  /** Webhooks a second for each of them. */
  readonly endpointsPerS: Readonly<Record<EndpointName, number>>;
}

export type ProducerQuestion =
  | ProducerTask
  | { readonly ask: 'counters' }
  /** Ends as soon as `atLeast` webhooks are committed; answers then. */
  | { readonly ask: 'finish' };

export interface ProducerCounters {
  readonly committed: number;
  readonly aborted: number;
  readonly unknown: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Ms from begin to the answer of the commit. */
  readonly p99Ms: number;
  readonly maxMs: number;
}

const rolledBack = 0.03;
/** Shares of the transactions that publish an event, and of those that leave its webhooks to a job. */
const published = 0.2;
const postponed = 0.3;
const tickMs = 20;

let finishing = false;
let running: Promise<void> = Promise.resolve();
let committed = 0;
let aborted = 0;
let unknown = 0;
const errors: Record<string, number> = {};
const durationsMs: number[] = [];

answerParent<ProducerQuestion>({
  ready: true,
  answer: async (question) => {
    if (question.ask === 'produce') running = produce(question);
    if (question.ask === 'finish') {
      finishing = true;
      await running;
    }
    return counters();
  },
});

function counters(): ProducerCounters {
  const sorted = durationsMs.toSorted((a, b) => a - b);
  return {
    committed,
    aborted,
    unknown,
    errors,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    maxMs: sorted.at(-1) ?? 0,
  };
}

async function produce(task: ProducerTask): Promise<void> {
  const random = new Random(task.seed);
  const file = openSync(task.logFile, 'a');
  const log = (line: ProducerLine) => writeSync(file, `${JSON.stringify(line)}\n`);
  let client: pg.Client | undefined;
  let owed = 0;
  let lastMs = performance.now();
  let sent = 0;
  for (let number = 1; !finishing || committed < task.atLeast; number += 1) {
    await delay(tickMs);
    const nowMs = performance.now();
    // After an outage no more than a second is made up for.
    owed = Math.min(owed + ((nowMs - lastMs) / 1_000) * task.perSecond, task.perSecond);
    lastMs = nowMs;
    if (owed < 1) continue;
    const tx = `${task.name}-${number}`;
    try {
      client ??= await connect(task.databaseUrl);
      const rows = rowsOf(task, { random, count: Math.floor(owed), tx });
      await transact(client, {
        ...{ rows, tx, log, fans: task.fans },
        rollBack: random.next() < rolledBack,
        fanOutLimit: random.next() < postponed ? 1 : 1_000,
      });
      sent += rows.length;
      owed -= rows.length;
      if (sent % 50 === 0) durationsMs.splice(0, Math.max(0, durationsMs.length - 100_000));
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      const name = typeof code === 'string' ? code : 'connection';
      errors[name] = (errors[name] ?? 0) + 1;
      const broken = client;
      client = undefined;
      // Not waited for: a half-open connection does not answer.
      broken?.end().catch(() => {});
      await delay(100);
    }
  }
  await client?.end().catch(() => {});
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'chaos producer',
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

interface Row {
  readonly url: string | null;
  readonly endpointId: string | null;
  readonly tenant: string;
  /** Of an event; null: it is none. */
  readonly n: number | null;
  readonly body: string;
  readonly priority: string;
}

function rowsOf(
  task: ProducerTask,
  { random, count, tx }: { random: Random; count: number; tx: string },
): Row[] {
  const rows: Row[] = Array.from({ length: count }, (_, at) => ({
    ...targetOf(task, random),
    endpointId: null,
    n: null,
    body: JSON.stringify({ tx, at, data: 'ä'.repeat(random.whole(0, 400)) }),
    priority: random.pick(['high', 'normal', 'normal', 'normal', 'low']),
  }));
  for (const name of endpointNames) {
    const id = task.endpoints?.[name];
    const burst = burstOf[name];
    if (id === undefined || random.next() > (task.endpointsPerS[name] * tickMs) / 1_000 / burst) {
      continue;
    }
    for (let at = 0; at < burst; at += 1) {
      rows.push({
        url: null,
        endpointId: id,
        tenant: '',
        n: null,
        body: JSON.stringify({ tx, name, at }),
        priority: random.pick(['high', 'normal', 'low']),
      });
    }
  }
  if (random.next() < published) {
    const n = random.whole(0, 999);
    const priority = random.pick(['high', 'normal', 'low']);
    rows.push({
      url: null,
      endpointId: null,
      tenant,
      n,
      body: JSON.stringify({ tx, n, even: n % 2 === 0 }),
      priority,
    });
  }
  return rows;
}

function targetOf({ crowd, receiverUrl }: ProducerTask, random: Random) {
  if (crowd !== undefined) return crowdTarget(crowd, { receiverUrl, random });
  return { url: `${receiverUrl}/plain/${random.whole(0, plainLanes - 1)}`, tenant: '' };
}

async function transact(
  client: pg.Client,
  {
    rows,
    tx,
    log,
    fans,
    fanOutLimit,
    rollBack,
  }: {
    rows: readonly Row[];
    tx: string;
    log: (line: ProducerLine) => void;
    fans: Fans;
    fanOutLimit: number;
    rollBack: boolean;
  },
): Promise<void> {
  const startedMs = performance.now();
  await client.query(`begin; set local posthorn.fan_out_limit = ${fanOutLimit}`);
  const { rows: inserted } = await client.query<{ id: string }>(
    `insert into posthorn.outbox (url, endpoint_id, tenant, event_type, body, priority, secret)
     select url, endpoint_id, tenant,
       case when is_event then 'chaos.done' end,
       body, priority,
       case when not is_event then $5 end
     from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $6::boolean[], $7::text[]) as r (url, endpoint_id, body, priority, is_event, tenant)
     returning id`,
    [
      rows.map((row) => row.url),
      rows.map((row) => row.endpointId),
      rows.map((row) => row.body),
      rows.map((row) => row.priority),
      secret,
      rows.map((row) => row.n !== null),
      rows.map((row) => row.tenant),
    ],
  );
  log({
    tx,
    event: 'rows',
    rows: inserted.flatMap(({ id }, at): [string, string][] => {
      const { n = null, body = '' } = rows[at] ?? {};
      const ids = n === null ? [id] : webhooksOf(id, { fans, n });
      return ids.map((one) => [one, hashOf(body)]);
    }),
  });
  if (rollBack) {
    log({ tx, event: 'abort' });
    aborted += 1;
    await client.query('rollback');
    return;
  }
  try {
    const { command } = await client.query('commit');
    // COMMIT of a transaction that had failed answers ROLLBACK.
    if (command !== 'COMMIT') throw Object.assign(new Error(command), { code: 'ROLLBACK' });
  } catch (error) {
    const isRefused = (error as { code?: unknown }).code === 'ROLLBACK';
    log({ tx, event: isRefused ? 'abort' : 'unknown' });
    if (!isRefused) unknown += 1;
    throw error;
  }
  log({ tx, event: 'ack' });
  committed += rows.length;
  durationsMs.push(performance.now() - startedMs);
}
