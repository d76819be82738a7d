import { type Backlog, backlogTo } from '../backlog.ts';
import type { Bench } from '../bench.ts';
import { type ProductRun, runProduct } from '../product-run.ts';
import { figure, type Result } from '../report.ts';
import { noiseOf } from '../window.ts';
import { zipfEndpoints } from '../zipf.ts';

interface Round {
  readonly one: ProductRun;
  readonly many: ProductRun;
}

const endpoints = 5_000;

/** The same backlog to one endpoint and, skewed, to 5,000: what does it cost to serve many lanes? */
export async function runLanes(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const { webhooks } = options;
  const skewed = zipfEndpoints({ webhooks, endpoints });
  const toOne: Backlog = backlogTo(skewed.map(() => 0));
  const toMany: Backlog = backlogTo(skewed);
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const one = await runProduct(bench, toOne);
    const many = await runProduct(bench, toMany);
    rounds.push({ one, many });
    progress.done(
      `lanes, round ${number}: one ${Math.round(one.perSecond)}/s, many ${Math.round(many.perSecond)}/s`,
    );
  }
  const count = new Set(skewed).size;
  return {
    title: `drain of ${webhooks} webhooks to 1 endpoint, and to ${count} by Zipf; ${options.workers} worker(s), ${options.rounds} rounds`,
    sections: [{ title: `1 endpoint against ${count}`, figures: figuresOf(rounds, webhooks) }],
    violations: rounds.flatMap(({ one, many }) => [
      ...one.violations.map((violation) => `one endpoint: ${violation}`),
      ...many.violations.map((violation) => `many endpoints: ${violation}`),
    ]),
    runs: rounds,
  };
}

function figuresOf(rounds: readonly Round[], webhooks: number) {
  const rate = (name: string, of: (round: Round) => ProductRun) =>
    figure(name, { unit: '/s', runs: rounds, of: (round) => of(round).perSecond });
  const us = (name: string, of: (round: Round) => number | undefined) =>
    figure(name, {
      unit: 'µs',
      runs: rounds,
      of: (round) => ((of(round) ?? Number.NaN) * 1_000) / webhooks,
    });
  const noise = (name: string, of: (round: Round) => ProductRun) =>
    figure(name, {
      unit: '%',
      digits: 1,
      runs: rounds,
      of: (round) => 100 * noiseOf(of(round).window),
    });
  return [
    rate('one endpoint', ({ one }) => one),
    rate('many endpoints', ({ many }) => many),
    figure('many, of one in the same round', {
      unit: '%',
      digits: 1,
      runs: rounds,
      of: ({ one, many }) => (100 * many.perSecond) / one.perSecond,
    }),
    us('CPU per webhook, worker, one', ({ one }) => one.window.senderCpuMs),
    us('CPU per webhook, worker, many', ({ many }) => many.window.senderCpuMs),
    us('CPU per webhook, Postgres, one', ({ one }) => one.window.postgresCpuMs),
    us('CPU per webhook, Postgres, many', ({ many }) => many.window.postgresCpuMs),
    noise('noise, one', ({ one }) => one),
    noise('noise, many', ({ many }) => many),
  ];
}
