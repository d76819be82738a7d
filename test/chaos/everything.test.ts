import { it } from 'vitest';
import { oneOfEachKind } from '../../chaos/mixed.ts';
import { runShortTier } from './short-tier.ts';

// `npm run chaos -- --only kinds`: real processes, a fault of each kind that the seed chooses, all invariants. `npm run chaos` has
// every fault. About a minute.

it('loses nothing, whatever is done to it', async () => {
  await runShortTier(oneOfEachKind, { ...oneOfEachKind, withinMs: 900_000 });
}, 900_000);
