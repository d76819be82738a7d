import { expect, it } from 'vitest';
import { oneOfEachKind } from '../../chaos/mixed.ts';
import { runScenario } from '../../chaos/run.ts';

// `npm run chaos -- --only kinds`: real processes, a fault of each kind that the seed chooses, all invariants. `npm run chaos` has
// every fault. About a minute.

it('loses nothing, whatever is done to it', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000));
  console.log(`npm run chaos -- --only kinds --seed ${seed}`);
  const { violations, figures } = await runScenario(oneOfEachKind, {
    seed,
    repeats: oneOfEachKind.repeats,
    webhooks: oneOfEachKind.webhooks,
    minutes: undefined,
    signal: AbortSignal.timeout(900_000),
    onProgress: () => {},
    onFault: () => {},
  });
  expect(violations, JSON.stringify(figures)).toEqual([]);
  expect(figures['lost']).toBe(0);
}, 900_000);
