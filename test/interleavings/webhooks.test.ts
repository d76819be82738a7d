import { testPairs } from './pairs.ts';
import { kinds, type Scene } from './stage.ts';

// Webhooks of each kind to one endpoint, and every operation against every other.

const scene: Scene = {
  breaker: { consecutive: '4', failing_since: `now() - interval '1 hour'` },
  webhooks: kinds,
};

testPairs(scene, {
  names: [
    ...(['claim', 'claim by another', 'record 2xx', 'record a retry', 'record a failure'] as const),
    ...(['record a late 2xx', 'record 2xx of what failed', 'record 2xx after the lease'] as const),
    ...(['record a retry after the lease', 'count failures', 'give back', 'keep leases'] as const),
    ...(['set aside', 'end the poisoned', 'rescue', 'rescue the dead'] as const),
    ...(['go on with the replay', 'take back', 'cancel the replay', 'cancel'] as const),
    ...(['send again', 'pause', 'delete'] as const),
  ],
});
