import { describe } from 'vitest';
import { testPairs } from './pairs.ts';
import { dead, owner, type Scene } from './stage.ts';

// An ordered endpoint, whose lane is held for the retry of its first webhook or is sending it; and endpoints themselves.

const later: Scene['webhooks'] = {
  waiting: { queue: {} },
  failed: { outcome: { status: 'failed', attempts: 1 }, tried: [[owner, 503]] },
};

describe('an ordered lane that waits for the retry of its first webhook', () => {
  testPairs(
    {
      endpoint: { ordered: 'true' },
      rule: { owner: `${owner}`, retry_at: `now() + interval '1 hour'`, retry_of: ':first' },
      webhooks: {
        first: {
          queue: { attempts: 2 },
          tried: [
            [dead, 'abandoned'],
            [owner, 503],
          ],
        },
        ...later,
      },
    },
    {
      names: [
        ...([
          'record 2xx of the head late',
          'cancel',
          'send again',
          'go on with the replay',
        ] as const),
        ...(['turn order off', 'pause', 'delete', 'change the limit', 'take', 'release'] as const),
        ...(['count 410', 'repair rules'] as const),
      ],
      nothing: ['take', 'repair rules'],
    },
  );
});

describe('an ordered lane whose first webhook a replay has brought forward', () => {
  testPairs(
    {
      endpoint: { ordered: 'true' },
      rule: { owner: `${owner}` },
      webhooks: {
        first: {
          queue: { attempts: 2 },
          tried: [
            [dead, 'abandoned'],
            [owner, 503],
          ],
          forward: { retryInS: 3_600 },
        },
        ...later,
      },
    },
    {
      names: [
        ...(['take back', 'claim', 'cancel', 'send again', 'go on with the replay'] as const),
        ...(['turn order off', 'pause', 'delete', 'change the limit'] as const),
        'record 2xx of the head late',
      ],
    },
  );
});

describe('an ordered lane that is sending its first webhook', () => {
  testPairs(
    {
      endpoint: { ordered: 'true' },
      rule: { owner: `${owner}` },
      webhooks: {
        sending: {
          queue: { attempts: 1, leasedBy: owner, uncounted: 3 },
          tried: [[owner, undefined]],
        },
        ...later,
      },
    },
    {
      names: [
        ...([
          'claim',
          'record 2xx',
          'record a retry',
          'record a failure',
          'rescue',
          'give back',
        ] as const),
        ...([
          'cancel',
          'send again',
          'turn order off',
          'pause',
          'delete',
          'change the limit',
        ] as const),
      ],
      nothing: ['claim'],
    },
  );
});

describe('an endpoint', () => {
  testPairs(
    {
      endpoint: { secret: `'plain'`, gone_answers: '1', max_in_flight: '2' },
      rule: {},
      breaker: { consecutive: '4', failing_since: `now() - interval '1 hour'` },
      webhooks: later,
    },
    {
      names: [
        ...(['pause', 'disable', 'enable', 'delete', 'count 410', 'change the URL'] as const),
        ...([
          'change the limit',
          'turn order on',
          'rotate the secret',
          'describe',
          'repair rules',
        ] as const),
        ...(['seal', 'enqueue', 'take', 'claim', 'claim by another', 'count failures'] as const),
      ],
      nothing: ['enable', 'repair rules', 'claim', 'claim by another'],
    },
  );
});
