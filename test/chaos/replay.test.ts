import { expect, it } from 'vitest';
import { replay } from '../../chaos/replay.ts';
import { runScenario } from '../../chaos/run.ts';

// The short tier of `npm run chaos -- --only replay`: 2,000 failed webhooks, workers killed twice. About half a minute.

it('a replay puts each webhook back once, whoever is killed', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000));
  console.log(`npm run chaos -- --only replay --webhooks 2000 --repeats 2 --seed ${seed}`);
  const { violations, figures } = await runScenario(replay, {
    seed,
    repeats: 2,
    webhooks: 2_000,
    minutes: undefined,
    signal: AbortSignal.timeout(600_000),
    onProgress: () => {},
    onFault: () => {},
  });
  expect(violations, JSON.stringify(figures)).toEqual([]);
  expect(figures['put back once']).toBeGreaterThan(1_600);
  expect(figures['lost']).toBe(0);
}, 600_000);
