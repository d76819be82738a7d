import { expect, it } from 'vitest';
import { replay } from '../../chaos/replay.ts';
import { runShortTier } from './short-tier.ts';

// The short tier of `npm run chaos -- --only replay`: 2,000 failed webhooks, workers killed twice. About half a minute.

it('a replay puts each webhook back once, whoever is killed', async () => {
  const figures = await runShortTier(replay, { webhooks: 2_000, repeats: 2, withinMs: 600_000 });
  expect(figures['put back once']).toBeGreaterThan(1_600);
}, 600_000);
