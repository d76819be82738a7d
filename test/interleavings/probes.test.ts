import { describe } from 'vitest';
import { testPairs } from './pairs.ts';
import { owner, type Scene } from './stage.ts';

// An open breaker whose time is over: somebody probes, or is probing.

const open = {
  ...{ state: `'open'`, consecutive: '5', trips: '1' },
  failing_since: `now() - interval '1 hour'`,
  open_until: `now() - interval '1 s'`,
};
const webhooks: Scene['webhooks'] = {
  waiting: { queue: {} },
  failed: { outcome: { status: 'failed', attempts: 1 }, tried: [[owner, 503]] },
};

describe('a probe that is due', () => {
  testPairs(
    { breaker: open, webhooks },
    {
      names: [
        ...([
          'probe',
          'probe by another',
          'claim',
          'cancel',
          'send again',
          'count failures',
        ] as const),
        ...(['set aside', 'pause', 'disable', 'delete', 'watch the lane'] as const),
      ],
      nothing: ['claim', 'count failures', 'watch the lane'],
    },
  );
});

describe('a probe that is due in an ordered lane', () => {
  testPairs(
    { endpoint: { ordered: 'true' }, rule: { owner: `${owner}` }, breaker: open, webhooks },
    {
      names: [
        ...(['probe', 'probe by another', 'cancel', 'send again', 'pause', 'delete'] as const),
        ...(['turn order off', 'change the limit', 'take'] as const),
      ],
      nothing: ['take'],
    },
  );
});

describe('a probe that is under way', () => {
  testPairs(
    {
      breaker: {
        ...open,
        probe_until: `now() + interval '2 hours'`,
        probe_webhook: ':probe',
        probe_attempt: '1',
      },
      webhooks: {
        probe: { queue: { attempts: 1, leasedBy: owner }, tried: [[owner, undefined]] },
        ...webhooks,
      },
    },
    {
      names: [
        ...([
          'record 2xx of the probe',
          'count a failed probe',
          'count a probe that said nothing',
        ] as const),
        ...([
          'give back the probe',
          'rescue',
          'probe by another',
          'claim',
          'count failures',
        ] as const),
        ...(['cancel', 'pause', 'delete'] as const),
      ],
      nothing: ['probe by another', 'claim', 'count failures'],
      without: [
        {
          pair: ['give back the probe', 'count failures'],
          because: 'a breaker that is locked then keeps its probe until the lease of that runs out',
        },
      ],
    },
  );
});

describe('a probe of the origin that is due', () => {
  testPairs(
    { origin: open, webhooks },
    {
      names: [
        ...(['probe', 'probe by another', 'claim', 'cancel', 'send again'] as const),
        ...(['count failures of the origin', 'pause', 'delete', 'watch the lane'] as const),
      ],
      nothing: ['claim', 'count failures of the origin', 'watch the lane'],
    },
  );
});

describe('a probe of the origin that is under way', () => {
  testPairs(
    {
      origin: {
        ...open,
        probe_until: `now() + interval '2 hours'`,
        probe_webhook: ':probe',
        probe_attempt: '1',
      },
      webhooks: {
        probe: { queue: { attempts: 1, leasedBy: owner }, tried: [[owner, undefined]] },
        ...webhooks,
      },
    },
    {
      names: [
        ...(['record 2xx of the probe', 'count its failed probe', 'give back the probe'] as const),
        ...(['rescue', 'probe by another', 'count failures of the origin', 'cancel'] as const),
      ],
      nothing: ['probe by another', 'count failures of the origin'],
      without: [
        {
          pair: ['give back the probe', 'count failures of the origin'],
          because: 'a breaker that is locked then keeps its probe until the lease of that runs out',
        },
      ],
    },
  );
});
