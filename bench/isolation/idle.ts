import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Bench } from '../bench.ts';
import { Fleet } from '../fleet.ts';
import { type Figure, figure, type Result } from '../report.ts';
import { noiseOf, openWindow, type Window } from '../window.ts';

interface IdleRun {
  readonly statementsPerSecond: number;
  readonly window: Window;
}

/** One run by each number of registered endpoints. */
type Round = ReadonlyMap<number, IdleRun>;

const sizes = [0, 100_000] as const;
/** The workers look less often when nothing has come for 5 s. */
const settleMs = 8_000;

/** One worker and nothing to do: what does it cost, and does it cost more where many endpoints are registered? */
export async function runIdle(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const round = new Map<number, IdleRun>();
    for (const endpoints of sizes) round.set(endpoints, await runOne(bench, endpoints));
    rounds.push(round);
    const list = [...round].map(
      ([endpoints, { statementsPerSecond }]) =>
        `${endpoints} endpoints ${statementsPerSecond.toFixed(1)} statements/s`,
    );
    progress.done(`idle, round ${number}: ${list.join(', ')}`);
  }
  return {
    title: `${options.workers} worker(s) with nothing to do for ${options.seconds} s, ${options.rounds} rounds`,
    sections: sizes.map((endpoints) => ({
      title: `${endpoints.toLocaleString('en')} registered endpoints`,
      figures: figuresOf(rounds.flatMap((round) => round.get(endpoints) ?? [])),
    })),
    violations: [],
    runs: rounds.map((round) => Object.fromEntries(round)),
  };
}

async function runOne(
  { options, server, receiver, progress, signal }: Bench,
  endpoints: number,
): Promise<IdleRun> {
  progress.now(`idle: ${endpoints} registered endpoints`);
  await using database = await server.createDatabase();
  const { client } = database;
  if (endpoints > 0) {
    await client.query(
      `insert into posthorn.endpoints (url)
       select 'http://127.0.0.1:' || $1::integer || '/hook/' || n
       from generate_series(1, $2::integer) as n`,
      [receiver.port, endpoints],
    );
    await client.query('vacuum (analyze) posthorn.endpoints');
  }
  await using fleet = new Fleet({
    databaseUrl: database.url,
    workers: options.workers,
    profile: options.profile,
  });
  await fleet.ready(database, signal);
  await client.query('checkpoint');
  await sleep(settleMs, undefined, { signal });
  const before = await countTransactions(client);
  const close = openWindow({
    senders: fleet.pids,
    receiver: receiver.pid,
    postmaster: server.postmasterPid,
  });
  await fleet.during(sleep(options.seconds * 1_000, undefined, { signal }));
  const window = close();
  const transactions = (await countTransactions(client)) - before;
  await fleet.stop();
  // Less the benchmark's own question.
  return { statementsPerSecond: (transactions - 1) / (window.durationMs / 1_000), window };
}

/**
 * A statement of Posthorn is a transaction. A backend tells what it did at most once a second, at the beginning as at
 * the end of the window, so that what is missed at one end is counted at the other.
 */
async function countTransactions(client: pg.Client): Promise<number> {
  await client.query('select pg_stat_clear_snapshot()');
  const { rows } = await client.query<{ count: string }>(
    `select xact_commit + xact_rollback as count
     from pg_stat_database
     where datname = current_database()`,
  );
  return Number(rows[0]?.count);
}

function figuresOf(runs: readonly IdleRun[]): Figure[] {
  const ofCore = (name: string, of: (window: Window) => number | undefined) =>
    figure(name, {
      unit: '%',
      digits: 2,
      runs,
      of: ({ window }) => (100 * (of(window) ?? Number.NaN)) / window.durationMs,
    });
  return [
    figure('statements', {
      unit: '/s',
      digits: 1,
      runs,
      of: ({ statementsPerSecond }) => statementsPerSecond,
    }),
    ofCore('CPU of a core, worker', ({ senderCpuMs }) => senderCpuMs),
    ofCore('CPU of a core, Postgres', ({ postgresCpuMs }) => postgresCpuMs),
    figure('noise', { unit: '%', digits: 1, runs, of: ({ window }) => 100 * noiseOf(window) }),
  ];
}
