import type { Bench } from '../../bench.ts';
import { type Grown, kept } from './grown.ts';
import { runLoad } from './load.ts';
import { fact, queueFacts } from './sizes.ts';

/*
 * Webhooks that come and go for an hour: the queue is filled and emptied all the time, and must not grow for it.
 */

const perSecond = 500;

export async function* growChurn(bench: Bench): AsyncGenerator<Grown, void, void> {
  const { options, server, progress } = bench;
  await using database = await server.createDatabase();
  const { client } = database;
  const atStart: Awaited<ReturnType<typeof queueFacts>> = [];
  const minutes = Array.from({ length: options.churnMinutes }, () => 60);
  let done = 0;
  progress.now(`churn: ${perSecond}/s for ${options.churnMinutes} minutes`);
  const stretches = await runLoad(bench, {
    database,
    perSecond,
    seconds: minutes,
    async onDone({ p50Ms, p99Ms }) {
      done += 1;
      if (done === 1) atStart.push(...(await queueFacts(client, 'after a minute')));
      progress.now(
        `churn: ${done} of ${options.churnMinutes} minutes at ${perSecond}/s, ` +
          `p50 ${p50Ms.toFixed(1)} p99 ${p99Ms.toFixed(1)} ms`,
      );
    },
  });
  const [first] = stretches;
  const last = stretches.at(-1);
  const facts = [
    ...atStart,
    ...(await queueFacts(client, `after ${options.churnMinutes}`)),
    fact('commit to arrival in the first minute, p50', first?.p50Ms ?? Number.NaN, 'ms'),
    fact('commit to arrival in the last minute, p50', last?.p50Ms ?? Number.NaN, 'ms'),
    fact('commit to arrival in the first minute, p99', first?.p99Ms ?? Number.NaN, 'ms'),
    fact('commit to arrival in the last minute, p99', last?.p99Ms ?? Number.NaN, 'ms'),
  ];
  yield {
    title: `${options.churnMinutes} minutes of ${perSecond} webhooks a second`,
    size: options.churnMinutes,
    endpoints: options.endpoints,
    open: kept(database),
    facts: () => facts,
  };
}
