import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { prune } from '../../../src/maintenance/prune.ts';
import type { Bench } from '../../bench.ts';
import { readSize } from '../../counters.ts';
import { Fleet } from '../../fleet.ts';
import { steadyFigures, steadyLine } from '../../isolation/steady-figures.ts';
import { type Figure, figure, type Section } from '../../report.ts';
import { runSteady, type Steady, startProducer } from '../../steady.ts';
import { days, type Loaded } from './loaded.ts';
import { type LockWaits, LockWatch } from './lock-waits.ts';

/*
 * The pruning of ten days at once, while webhooks come and are delivered: first beside a transaction that reads the history
 * and stays open, so that nothing can be dropped, and then alone.
 */

const perSecond = 100;
const endpoints = 100;
const retentionDays = 30;
const pruner = 'posthorn bench pruner';
const dayMs = 86_400_000;

export interface Pruning {
  readonly before: Steady;
  readonly besideReader: Pruned;
  readonly alone: Pruned;
  readonly violations: readonly string[];
}

interface Pruned {
  readonly steady: Steady;
  readonly waits: LockWaits;
  readonly tookMs: number;
  readonly dropped: number;
  readonly postponed: number;
  readonly webhooks: number;
  readonly freedBytes: number;
}

export async function measurePruning(bench: Bench, { database }: Loaded): Promise<Pruning> {
  const { options, progress, signal } = bench;
  const webhooks = perSecond * options.seconds;
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: options.workers,
    profile: options.profile,
    // Its own pruning, should its hour come now, finds nothing to do.
    env: { POSTHORN_RETENTION: '3650d' },
  });
  await using producer = await startProducer(bench);
  await fleet.ready(database, signal);
  const cast = { database, producer, fleet, endpoints, perSecond, webhooks };
  await runSteady(bench, { ...cast, webhooks: 2 * perSecond });
  await database.client.query('checkpoint');
  const steadyWhile = async (work: Promise<unknown>): Promise<Steady> => {
    const [steady] = await Promise.all([runSteady(bench, cast), work]);
    return steady;
  };
  progress.now('steady traffic before the pruning');
  const before = await steadyWhile(Promise.resolve());
  progress.done(`before: ${steadyLine(before)}`);
  const reader = await openReader(database.url);
  let besideReader: Pruned;
  try {
    besideReader = await pruneDuring(bench, {
      url: database.url,
      client: database.client,
      steadyWhile,
    });
  } finally {
    await reader.end();
  }
  progress.done(`beside a reader: ${steadyLine(besideReader.steady)}`);
  const alone = await pruneDuring(bench, {
    url: database.url,
    client: database.client,
    steadyWhile,
  });
  progress.done(`pruning: ${steadyLine(alone.steady)}`);
  await fleet.stop();
  return {
    before,
    besideReader,
    alone,
    violations: [
      ...[before, besideReader.steady, alone.steady].flatMap(({ violations }) => violations),
      ...(alone.dropped >= days - retentionDays - 1
        ? []
        : [`only ${alone.dropped} days were dropped`]),
      ...(besideReader.dropped === 0 ? [] : ['days were dropped that somebody was reading']),
    ],
  };
}

async function pruneDuring(
  { signal }: Bench,
  place: {
    readonly url: string;
    readonly client: pg.Client;
    readonly steadyWhile: (work: Promise<unknown>) => Promise<Steady>;
  },
): Promise<Pruned> {
  const { url, client, steadyWhile } = place;
  const sizeBefore = await readSize(client);
  const webhooksBefore = await countWebhooks(client);
  const pool = new pg.Pool({ connectionString: url, application_name: pruner });
  const watch = new LockWatch(url, pruner);
  const pruneSoon = async () => {
    await sleep(1_000, undefined, { signal });
    const startedMs = performance.now();
    const { dropped, postponed } = await prune(pool, { retentionMs: retentionDays * dayMs });
    const tookMs = performance.now() - startedMs;
    return { tookMs, dropped: dropped.length, postponed: postponed.length };
  };
  try {
    const pruning = pruneSoon();
    const steady = await steadyWhile(pruning);
    const waits = await watch.end();
    return {
      ...(await pruning),
      steady,
      waits,
      webhooks: webhooksBefore - (await countWebhooks(client)) + steady.committed,
      freedBytes: sizeBefore - (await readSize(client)),
    };
  } finally {
    await watch.end();
    await pool.end();
  }
}

async function countWebhooks(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ webhooks: string }>(
    'select count(*) as webhooks from posthorn.outcomes',
  );
  return Number(rows[0]?.webhooks);
}

/** As pg_dump, or a report that runs for long. */
async function openReader(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  await client.query('begin isolation level repeatable read');
  await client.query('select from posthorn.webhooks order by id limit 1');
  return client;
}

export function pruningSections({ before, besideReader, alone }: Pruning): Section[] {
  return [
    { title: `${perSecond}/s before the pruning`, figures: steadyFigures([before]) },
    {
      title: `${perSecond}/s while it finds the history locked by a reader`,
      figures: [...steadyFigures([besideReader.steady]), ...prunedFigures(besideReader)],
    },
    {
      title: `${perSecond}/s while it drops`,
      figures: [...steadyFigures([alone.steady]), ...prunedFigures(alone)],
    },
  ];
}

function prunedFigures(pruned: Pruned): Figure[] {
  const one = (name: string, unit: string, digits: number, value: number) =>
    figure(name, { unit, digits, runs: [value], of: (it) => it });
  const { tookMs, dropped, postponed, webhooks, freedBytes, waits } = pruned;
  return [
    one('the pruning took', 's', 2, tookMs / 1_000),
    one('days dropped', '', 0, dropped),
    one('days postponed', '', 0, postponed),
    one('webhooks dropped', '', 0, webhooks),
    one('freed on disk', 'MB', 0, freedBytes / 1e6),
    one('longest wait for a lock, the pruning', 'ms', 0, waits.prunerMs),
    one('longest wait for a lock, anybody else', 'ms', 0, waits.othersMs),
  ];
}
