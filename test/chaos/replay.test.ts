import { expect, it } from 'vitest';
import { replay } from '../../chaos/replay.ts';
import { runScenario } from '../../chaos/run.ts';

// The short tier of `npm run chaos -- --only replay`: 5,000 failed webhooks, workers killed four times. About a minute and a half.

it('a replay puts each webhook back once, whoever is killed', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000));
  console.log(`npm run chaos -- --only replay --webhooks 5000 --repeats 4 --seed ${seed}`);
  const { violations, figures } = await runScenario(replay, {
    seed,
    repeats: 4,
    webhooks: 5_000,
    minutes: undefined,
    signal: AbortSignal.timeout(600_000),
    onProgress: () => {},
    onFault: () => {},
  });
  expect(violations, JSON.stringify(figures)).toEqual([]);
  expect(figures['put back once']).toBeGreaterThan(4_000);
  expect(figures['lost']).toBe(0);
}, 600_000);
