import type { Bench } from './bench.ts';
import { drainSections, type Round } from './drain-report.ts';
import { runProduct } from './product-run.ts';
import type { Result } from './report.ts';
import { runYardstick } from './yardstick-run.ts';

/** How fast a backlog is drained, beside its yardstick in the same rounds. */
export async function runDrain(bench: Bench): Promise<Result> {
  const { options, progress } = bench;
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const dispatch = await runYardstick(bench, 'dispatch');
    const product = await runProduct(bench);
    const request = await runYardstick(bench, 'request');
    rounds.push({ dispatch, request, product });
    progress.done(roundLine(number, { dispatch, request, product }));
  }
  const count = options.webhooks.toLocaleString('en');
  return {
    title:
      `Drain of ${count} webhooks of 1 KB to ${options.endpoints} endpoints, ${options.workers} worker(s), ` +
      `receiver answers after ${options.delayMs} ms; median, least and most of ${options.rounds} rounds`,
    sections: drainSections(rounds, options),
    violations: rounds.flatMap(({ dispatch, request, product }, index) =>
      Object.entries({ dispatch, request, product }).flatMap(([name, { violations }]) =>
        violations.map((violation) => `round ${index + 1}, ${name}: ${violation}`),
      ),
    ),
    runs: rounds,
  };
}

function roundLine(number: number, { dispatch, request, product }: Round): string {
  const rate = (perSecond: number) => `${Math.round(perSecond).toLocaleString('en')}/s`;
  const noise = 100 * ((product.window.foreign ?? 0) + (product.window.stolen ?? 0));
  return (
    `round ${number}: dispatch ${rate(dispatch.perSecond)}, request ${rate(request.perSecond)}, ` +
    `Posthorn ${rate(product.perSecond)} (noise ${noise.toFixed(0)} %)`
  );
}
