import { expect } from 'vitest';
import { runScenario } from '../../chaos/run.ts';
import type { Scenario } from '../../chaos/scenario.ts';

/** Runs a scenario in a short form, with a seed that is printed and can be given; returns its figures. It violates nothing and loses nothing. */
export async function runShortTier(
  scenario: Scenario | undefined,
  { webhooks, repeats, withinMs }: { webhooks: number; repeats: number; withinMs: number },
): Promise<Readonly<Record<string, unknown>>> {
  if (scenario === undefined) throw new Error('The scenario is gone');
  const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000));
  console.log(
    `npm run chaos -- --only ${scenario.name} --webhooks ${webhooks} --repeats ${repeats} --seed ${seed}`,
  );
  const { violations, figures } = await runScenario(scenario, {
    seed,
    repeats,
    webhooks,
    minutes: undefined,
    signal: AbortSignal.timeout(withinMs),
    onProgress: () => {},
    onFault: () => {},
  });
  expect(violations, JSON.stringify(figures)).toEqual([]);
  expect(figures['lost']).toBe(0);
  return figures;
}
