import { it } from 'vitest';
import { scenarios } from '../../chaos/scenarios.ts';
import { runShortTier } from './short-tier.ts';

// The short tier of `npm run chaos -- --only settings`: about twenty seconds.

it('keeps limits, order and pauses while they are changed, and no bad row or notification stops the others', async () => {
  await runShortTier(
    scenarios.find(({ name }) => name === 'settings'),
    { webhooks: 1_000, repeats: 2, withinMs: 300_000 },
  );
}, 300_000);
