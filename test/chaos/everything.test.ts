import { expect, it } from 'vitest';
import { everything } from '../../chaos/mixed.ts';
import { runScenario } from '../../chaos/run.ts';

// The short tier of `npm run chaos`: real processes, every fault once, all invariants. About three minutes.

it('loses nothing, whatever is done to it', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000));
  console.log(`npm run chaos -- --seed ${seed}`);
  const { violations, figures } = await runScenario(everything, {
    seed,
    repeats: everything.repeats,
    webhooks: everything.webhooks,
    minutes: undefined,
    signal: AbortSignal.timeout(900_000),
    onProgress: () => {},
    onFault: () => {},
  });
  expect(violations, JSON.stringify(figures)).toEqual([]);
  expect(figures['lost']).toBe(0);
}, 900_000);
