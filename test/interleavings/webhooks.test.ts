import { testPairs } from './pairs.ts';
import { dead, owner, type Scene } from './stage.ts';

// Webhooks of each kind to one endpoint, and every operation against every other.

const scene: Scene = {
  breaker: { consecutive: '3', failing_since: `now() - interval '1 hour'` },
  webhooks: {
    waiting: { queue: {} },
    sending: { queue: { attempts: 1, leasedBy: owner }, tried: [[owner, undefined]] },
    overtaken: {
      queue: { attempts: 2, leasedBy: owner },
      tried: [
        [dead, 'abandoned'],
        [owner, undefined],
      ],
    },
    stale: { queue: { attempts: 1, leasedBy: dead, leaseInS: -5 }, tried: [[dead, undefined]] },
    retrying: { queue: { attempts: 1, dueInS: 3_600 }, tried: [[owner, 503]] },
    failed: { outcome: { status: 'failed', attempts: 1 }, tried: [[owner, 503]] },
    cancelled: { outcome: { status: 'cancelled', attempts: 0 } },
    delivered: { outcome: { status: 'delivered', attempts: 1 }, tried: [[owner, 200]] },
    replayed: {
      queue: { attempts: 1, pastAttempts: 1 },
      tried: [[owner, 503]],
      former: { status: 'failed', attempts: 1 },
    },
    hurried: {
      queue: { attempts: 1 },
      tried: [[owner, 503]],
      forward: { dueInS: 7_200 },
    },
  },
};

testPairs(scene, {
  names: [
    ...(['claim', 'claim by another', 'record 2xx', 'record a retry', 'record a failure'] as const),
    ...(['record a late 2xx', 'record 2xx after the lease'] as const),
    ...(['record a retry after the lease', 'record 2xx of an alive lane'] as const),
    ...([
      'count failures',
      'count more failures',
      'give back',
      'keep leases',
      'set aside',
    ] as const),
    ...(['end the poisoned', 'rescue', 'rescue the dead', 'enqueue'] as const),
    ...(['go on with the replay', 'take back', 'cancel the replay', 'cancel', 'retry'] as const),
    ...(['send again', 'pause', 'delete', 'count 410', 'change the URL'] as const),
    ...(['rotate the secret'] as const),
  ],
});
