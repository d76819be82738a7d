import { expect, it } from 'vitest';
import { runScenario } from '../../chaos/run.ts';
import { scenarios } from '../../chaos/scenarios.ts';

// The short tier of `npm run chaos -- --only isolation`: about twenty seconds.

it('delivers to healthy tenants at once while others hang and fail and a worker is killed', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000));
  console.log(`npm run chaos -- --only isolation --webhooks 1200 --repeats 1 --seed ${seed}`);
  const scenario = scenarios.find(({ name }) => name === 'isolation');
  if (scenario === undefined) throw new Error('The scenario is gone');
  const { violations, figures } = await runScenario(scenario, {
    seed,
    repeats: 1,
    webhooks: 1_200,
    minutes: undefined,
    signal: AbortSignal.timeout(300_000),
    onProgress: () => {},
    onFault: () => {},
  });
  expect(violations, JSON.stringify(figures)).toEqual([]);
  expect(figures['lost']).toBe(0);
}, 300_000);
