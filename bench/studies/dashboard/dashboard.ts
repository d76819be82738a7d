import type pg from 'pg';
import type { RoundDatabase } from '../../../harness/postgres.ts';
import type { Bench } from '../../bench.ts';
import type { Result, Row, Table } from '../../report.ts';
import { spreadOf } from '../../statistics.ts';
import { growHistory } from '../growth/history.ts';
import { type Asked, measureRequests } from './requests.ts';

/*
 * How long does the dashboard wait for its answers? Every request of every view, in a history that grows: nothing, 1 %,
 * 10 % and all of it, with 5,000 registered endpoints, 20,000 webhooks that wait and 15 days of samples beside it.
 */

const endpoints = 5_000;
const waiting = 20_000;

interface State {
  readonly title: string;
  readonly asked: readonly Asked[];
}

export async function runDashboard(bench: Bench): Promise<Result> {
  const states: State[] = [];
  for await (const grown of growHistory(bench)) {
    await using opened = await grown.open();
    const { database } = opened;
    if (states.length === 0) await addPresent(database);
    bench.progress.now(`asking with ${grown.title}`);
    const asked = await measureRequests(database.url, bench.signal);
    bench.progress.done(`${grown.title}: the slowest took ${Math.round(slowestMs(asked))} ms`);
    states.push({ title: grown.title, asked });
  }
  return {
    title: 'What the dashboard waits for',
    sections: states.map(tableOf),
    violations: states.flatMap(dashboardViolations),
    runs: states,
  };
}

/** Who is registered, what waits, and what the charts show. */
async function addPresent({ client }: RoundDatabase): Promise<void> {
  await client.query(
    `insert into posthorn.endpoints (url, description)
     select 'https://registered-' || n || '.example/hooks', 'customer ' || n from generate_series(1, $1::integer) as n`,
    [endpoints],
  );
  await addWaiting(client);
  await client.query(
    `insert into posthorn.samples (taken_at, attempts, failures, seconds, p50_ms, p95_ms, p99_ms, waiting, due, oldest_due_s)
     select now() - n * interval '1 minute', 600, 6, 60, 20, 80, 200, 100, 10, 1 from generate_series(1, 15 * 1440) as n`,
  );
  await client.query('vacuum (analyze)');
}

async function addWaiting(client: pg.Client): Promise<void> {
  await client.query(
    `insert into posthorn.outbox (endpoint_id, body, send_at)
     select id, '{}', now() + interval '1 day' + n * interval '1 second'
     from (select id, row_number() over (order by id) as at from posthorn.endpoints) as e
     join generate_series(1, $1::integer) as n on n % $2::integer = e.at % $2::integer`,
    [waiting, endpoints],
  );
}

const mostMs = 300;

function dashboardViolations({ title, asked }: State): string[] {
  return asked.flatMap(({ name, firstMs, againMs, isView }) => {
    const worst = Math.max(firstMs, ...againMs);
    return isView && worst > mostMs ? [`${title}: ${name} took ${Math.round(worst)} ms`] : [];
  });
}

function slowestMs(asked: readonly Asked[]): number {
  const views = asked.filter(({ isView }) => isView);
  return Math.max(...views.flatMap(({ firstMs, againMs }) => [firstMs, ...againMs]));
}

function tableOf({ title, asked }: State): Table {
  const rows = asked.map(({ name, firstMs, againMs, bytes }): Row => {
    const again = spreadOf(againMs);
    const worst = spreadOf([again?.max]);
    const cells = [spreadOf([firstMs]), again, worst, spreadOf([bytes / 1_000])];
    return { name, unit: '', digits: 1, cells };
  });
  return { title: `${title}, ms`, columns: ['first', 'again', 'worst', 'KB'], rows };
}
