import { it } from 'vitest';
import { scenarios } from '../../chaos/scenarios.ts';
import { runShortTier } from './short-tier.ts';

// The short tier of `npm run chaos -- --only isolation`: about twenty seconds.

it('delivers to healthy tenants at once while others hang and fail and a worker is killed', async () => {
  await runShortTier(
    scenarios.find(({ name }) => name === 'isolation'),
    { webhooks: 1_200, repeats: 1, withinMs: 300_000 },
  );
}, 300_000);
