import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../../bench.ts';
import type { Row, Table } from '../../report.ts';
import { spreadOf } from '../../statistics.ts';
import type { Loaded } from './loaded.ts';

/*
 * What people ask with psql, as they do it: a new psql each time, so that its start, the connection and the planning with an
 * empty cache are in the figure.
 */

const folder = fileURLToPath(new URL('../../../sql/history/', import.meta.url));
const week = '7 days';
const again = 3;
/** What a report or a view must not take, ms. */
const mostMs = 1_000;

export interface Reading {
  readonly name: string;
  /** With its defaults. */
  readonly usual: Times;
  /** Of a week, where it takes a period. */
  readonly week: Times | undefined;
}

interface Times {
  readonly firstMs: number;
  readonly againMs: readonly number[];
}

/** Before the history is loaded, which takes minutes. */
export async function requirePsql(bench: Bench): Promise<void> {
  await runPsql(bench, ['--version']);
}

export async function measureReading(
  bench: Bench,
  { database }: Loaded,
): Promise<readonly Reading[]> {
  const { rows } = await database.client.query<{ id: string }>(
    `select webhook_id as id
     from posthorn.outcomes
     where status = 'failed' and webhook_id >= posthorn.uuid_floor(now() - interval '20 days')
     order by webhook_id
     limit 1`,
  );
  const id = rows[0]?.id ?? '';
  const readings: Reading[] = [];
  for (const file of readdirSync(folder).toSorted()) {
    const run = (...more: string[]) =>
      timesOf(bench, [database.url, ...more, '-v', `id=${id}`, '-f', `${folder}${file}`]);
    bench.progress.now(`reading: ${file}`);
    const usual = await run();
    readings.push({
      name: file,
      usual,
      week: withPeriod.has(file) ? await run('-v', `since=${week}`) : undefined,
    });
  }
  for (const [name, statement] of Object.entries(statementsFor(id))) {
    bench.progress.now(`reading: ${name}`);
    // As docs/history.md says that a login for people should have it; the reports turn it off themselves.
    const usual = await timesOf(bench, [database.url, '-c', 'set jit = off', '-c', statement]);
    readings.push({ name, usual, week: undefined });
  }
  return readings;
}

const withPeriod = new Set(['alerts.sql', 'deliveries.sql', 'failures.sql', 'slow-endpoints.sql']);

/** Those of docs/history.md. */
function statementsFor(id: string): Readonly<Record<string, string>> {
  const views = ['webhooks', 'redacted_webhooks'].flatMap((view) => {
    const select = `select * from posthorn.${view}`;
    return [
      [`${view}: one`, `${select} where id = '${id}'`],
      [`${view}: the last 20`, `${select} order by id desc limit 20`],
      [
        `${view}: failed, of an hour`,
        `${select} where id >= posthorn.uuid_floor(now() - interval '1 hour') and status = 'failed'`,
      ],
      ...['failed', 'delivered', 'pending'].map((status) => [
        `${view}: the last 20 ${status}`,
        `${select} where status = '${status}' order by id desc limit 20`,
      ]),
    ];
  });
  return {
    ...Object.fromEntries(views),
    'attempts of one': `select * from posthorn.redacted_attempts where webhook_id = '${id}'`,
    live_workers: 'select * from posthorn.live_workers',
    stats: 'select * from posthorn.stats',
  };
}

async function timesOf(bench: Bench, args: readonly string[]): Promise<Times> {
  const firstMs = await runPsql(bench, args);
  const againMs: number[] = [];
  for (let tries = 0; tries < again; tries += 1) againMs.push(await runPsql(bench, args));
  return { firstMs, againMs };
}

async function runPsql({ signal }: Bench, args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const child = spawn('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...args], {
    signal,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => {
    errors += text;
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on('error', (cause) =>
    reject(new Error(`Cannot run psql as it must be installed: ${cause.message}`, { cause })),
  );
  child.on('close', (code) => resolve(code ?? 1));
  if ((await promise) !== 0 || errors !== '') throw new Error(`psql ${args.join(' ')}: ${errors}`);
  return performance.now() - startedMs;
}

export function readingTable(readings: readonly Reading[]): Table {
  return {
    title: 'Reading with psql, ms',
    columns: ['first', 'again', '7 days', 'again'],
    rows: readings.map(({ name, usual, week }) => ({
      name,
      unit: '',
      digits: 0,
      cells: [...cellsOf(usual), ...cellsOf(week)],
    })),
  };
}

function cellsOf(times: Times | undefined): Row['cells'] {
  return times === undefined ? ['', ''] : [spreadOf([times.firstMs]), spreadOf(times.againMs)];
}

export function readingViolations(readings: readonly Reading[]): string[] {
  return readings.flatMap(({ name, usual }) => {
    const median = spreadOf(usual.againMs)?.median ?? Number.NaN;
    return median < mostMs ? [] : [`${name} took ${Math.round(median)} ms`];
  });
}
