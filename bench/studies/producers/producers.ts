import { Child } from '../../../harness/child.ts';
import type { Bench } from '../../bench.ts';
import type { Result } from '../../report.ts';
import { noiseOf } from '../../window.ts';
import { type InsertRun, type Load, runInserts } from './insert-run.ts';
import type { InserterRequest } from './inserter.ts';
import { type Cell, producerSection } from './report.ts';
import { makeTables, type SubjectName, subjects } from './tables.ts';

/*
 * What a producer pays for Posthorn: inserts into posthorn.outbox, beside the same inserts into the same table without
 * trigger and queue, and into a plain table.
 */

interface Plan extends Omit<Load, 'seconds'> {
  readonly title: string;
  readonly subjects: readonly SubjectName[];
}

const all = ['plain', 'bare', 'posthorn', 'heard', 'worked'] as const;
const alone = ['plain', 'bare', 'posthorn'] as const;
const slowFlushMs = 2;

const singleRows: readonly Plan[] = [0, slowFlushMs].flatMap((flushMs) =>
  [1, 8, 32].map((producers) => ({
    title: `${producers} producer(s), a row per statement${flushMs > 0 ? `, a flush takes ${flushMs} ms more` : ''}`,
    producers,
    rows: 1,
    flushMs,
    subjects: all,
  })),
);

const bulk: readonly Plan[] = [100, 100_000].map((rows) => ({
  title: `1 producer, ${rows.toLocaleString('en')} rows per statement`,
  producers: 1,
  rows,
  flushMs: 0,
  subjects: alone,
}));

const plans = [...singleRows, ...bulk];

export async function runProducers(bench: Bench): Promise<Result> {
  const { signal } = bench;
  const options = { ...bench.options, seconds: bench.options.given.seconds ?? 3 };
  const cells: readonly Cell[] = plans.map(({ title }) => ({ title, rounds: [] }));
  await using stack = new AsyncDisposableStack();
  const { child } = await Child.start<InserterRequest>(new URL('inserter.ts', import.meta.url), {
    signal,
    withinMs: 20_000,
  });
  const inserter = stack.use(child);
  for (let number = 1; number <= options.rounds; number += 1) {
    for (const [at, plan] of plans.entries()) {
      cells[at]?.rounds.push(await runPlan({ ...bench, options }, { plan, inserter, number }));
    }
  }
  return {
    title:
      `Inserts by producers who commit each statement, ${options.seconds} s for each figure; ` +
      `median, least and most of ${options.rounds} rounds`,
    sections: cells.map(producerSection),
    violations: cells.flatMap(({ title, rounds }) =>
      rounds.flatMap((round, index) =>
        Object.entries(round).flatMap(([name, { violations }]) =>
          violations.map((violation) => `${title}, round ${index + 1}, ${name}: ${violation}`),
        ),
      ),
    ),
    runs: cells,
  };
}

/** One table after the other, in a new database. */
async function runPlan(
  bench: Bench,
  { plan, inserter, number }: { plan: Plan; inserter: Child<InserterRequest>; number: number },
): Promise<Cell['rounds'][number]> {
  const { options, server, progress } = bench;
  await using database = await server.createDatabase();
  await makeTables(database);
  const runs: [SubjectName, InsertRun][] = [];
  // There and back, so that none always comes first.
  for (const name of number % 2 === 1 ? plan.subjects : plan.subjects.toReversed()) {
    progress.now(`round ${number}: ${plan.title}: ${subjects[name].name}`);
    const load = { ...plan, seconds: options.seconds };
    const stage = { database, inserter };
    runs.push([name, await runInserts(bench, { stage, subject: subjects[name], load })]);
  }
  const list = runs.map(
    ([name, { rows, durationMs }]) => `${name} ${Math.round((rows / durationMs) * 1_000)}/s`,
  );
  const noise = Math.max(...runs.map(([, { window }]) => noiseOf(window)));
  progress.done(
    `round ${number}, ${plan.title}: ${list.join(', ')} (noise ${(100 * noise).toFixed(0)} %)`,
  );
  return Object.fromEntries(runs);
}
