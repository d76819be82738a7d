import { expect, it } from 'vitest';
import { runScenario } from '../../chaos/run.ts';
import { scenarios } from '../../chaos/scenarios.ts';

// The short tier of `npm run chaos -- --only settings`: about twenty seconds.

it('keeps limits, order and pauses while they are changed, and no bad row or notification stops the others', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000));
  console.log(`npm run chaos -- --only settings --webhooks 1000 --repeats 2 --seed ${seed}`);
  const scenario = scenarios.find(({ name }) => name === 'settings');
  if (scenario === undefined) throw new Error('The scenario is gone');
  const { violations, figures } = await runScenario(scenario, {
    seed,
    repeats: 2,
    webhooks: 1_000,
    minutes: undefined,
    signal: AbortSignal.timeout(300_000),
    onProgress: () => {},
    onFault: () => {},
  });
  expect(violations, JSON.stringify(figures)).toEqual([]);
  expect(figures['lost']).toBe(0);
}, 300_000);
