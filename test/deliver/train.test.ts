import { describe, expect, it } from 'vitest';
import type { ClaimedWebhook } from '../../src/deliver/claim.ts';
import {
  inTrains,
  mostAgeMs,
  mostUnrecorded,
  type Settling,
  Trains,
} from '../../src/deliver/train.ts';
import type { Attempted } from '../../src/events.ts';

// A lane, a recorder and a receiver that do what the test says.

function webhook(n: number, fields: Partial<ClaimedWebhook> = {}): ClaimedWebhook {
  const nowMs = performance.now();
  const claimed = { fromMs: nowMs, toMs: nowMs };
  const groups = { tenant: 'acme', origin: 'o' };
  return { webhookId: `${n}`, lane: '1', groups, dueMs: n, claimed, ...fields } as ClaimedWebhook;
}

function line(count: number, fields: Partial<ClaimedWebhook> = {}) {
  const others = Array.from({ length: count - 1 }, (_, at) => webhook(at + 2, fields));
  return [webhook(1, fields), ...others] as const;
}

/** Sends to a receiver that answers at once with 2xx, but for those named. */
function send(trains: Trains, webhooks: ReturnType<typeof line>, failing: readonly number[] = []) {
  const seen = {
    begun: [] as number[],
    ended: [] as number[],
    returned: [] as number[],
    records: [] as Settling[],
    waiting: 0,
    isFree: false,
  };
  const done = trains.send(webhooks, {
    begin: ({ webhookId }) => {
      const n = Number(webhookId);
      seen.begun.push(n);
      const became = failing.includes(n) ? 'retry' : 'delivered';
      return {
        beganMs: performance.now(),
        ended: Promise.resolve({ decision: { became } } as Attempted),
        record: (_ended, settling) => seen.records.push(settling),
        endLane: () => seen.ended.push(n),
        settled: () => {
          seen.isFree = true;
        },
      };
    },
    giveBack: async (some) => {
      seen.returned.push(...some.map(({ webhookId }) => Number(webhookId)));
    },
    noteWaiting: (change) => {
      seen.waiting += change;
    },
  });
  const settle = () => {
    for (const { onSettled } of seen.records.splice(0)) onSettled?.();
  };
  return { seen, done, settle };
}

/** All that needs nobody else has happened. */
const turnOfEvents = () => new Promise((resolve) => setImmediate(resolve));
const upTo = (most: number, from = 1) =>
  Array.from({ length: most - from + 1 }, (_, at) => from + at);

describe('a train', () => {
  it('says how many of its webhooks wait for their turn, until they are sent or given back', async () => {
    const { seen, done, settle } = send(new Trains(), line(20), [18]);
    expect([seen.begun, seen.waiting]).toEqual([[1], 19]);
    await turnOfEvents();
    expect(seen.waiting).toBe(20 - mostUnrecorded);
    settle();
    await turnOfEvents();
    settle();
    await done;
    expect([seen.returned, seen.waiting]).toEqual([[19, 20], 0]);
  });

  it('waits while sixteen results are not recorded, and hurries for the sixteenth', async () => {
    const { seen, done, settle } = send(new Trains(), line(20));
    await turnOfEvents();
    expect(seen.begun).toEqual(upTo(mostUnrecorded));
    expect(seen.records.map(({ isAwaited }) => isAwaited)).toEqual(
      upTo(mostUnrecorded).map((n) => n === mostUnrecorded),
    );
    settle();
    await turnOfEvents();
    expect([seen.begun, seen.isFree]).toEqual([upTo(20), false]);
    settle();
    await done;
    expect([seen.ended, seen.isFree, seen.returned]).toEqual([upTo(20), true, []]);
  });

  it('occupies its lane all the time: a slot is freed when the next request has begun', async () => {
    const { seen, settle } = send(new Trains(), line(mostUnrecorded + 1));
    await turnOfEvents();
    expect([seen.begun.length, seen.ended.length]).toEqual([mostUnrecorded, mostUnrecorded - 1]);
    settle();
  });

  it('ends with a failure, and frees its lane when all is recorded and the rest is given back', async () => {
    const { seen, done, settle } = send(new Trains(), line(5), [3]);
    await turnOfEvents();
    expect([seen.begun, seen.returned, seen.isFree]).toEqual([[1, 2, 3], [4, 5], false]);
    expect(seen.records.at(-1)?.isAwaited).toBe(true);
    settle();
    await done;
    expect([seen.ended, seen.isFree]).toEqual([[1, 2, 3], true]);
  });

  it('sends nothing that was claimed long ago, but for its first', async () => {
    const longAgo = performance.now() - mostAgeMs - 1;
    const { seen, done, settle } = send(
      new Trains(),
      line(3, { claimed: { fromMs: longAgo, toMs: longAgo } }),
    );
    await turnOfEvents();
    settle();
    await done;
    expect([seen.begun, seen.returned]).toEqual([[1], [2, 3]]);
  });

  it('ends at once when its lane is called, and knows until then what waits', async () => {
    const trains = new Trains();
    const { seen, done, settle } = send(trains, line(3));
    expect(trains.waiting.map(({ webhookId }) => webhookId)).toEqual(['2', '3']);
    trains.end('2');
    expect(seen.returned).toEqual([]);
    trains.end('1');
    expect(seen.returned).toEqual([2, 3]);
    await turnOfEvents();
    settle();
    await done;
    expect([seen.begun, trains.waiting, trains.size]).toEqual([[1], [], 0]);
  });

  it('ends at once when the limits of its tenant have changed', async () => {
    const trains = new Trains();
    const [of, ofNobody] = [
      send(trains, line(3)),
      send(trains, line(3, { lane: '2', groups: { tenant: null, origin: 'o' } })),
    ];
    trains.end('acme');
    expect([of.seen.returned, ofNobody.seen.returned]).toEqual([[2, 3], []]);
    trains.endAll();
    await turnOfEvents();
    for (const { settle } of [of, ofNobody]) settle();
    await Promise.all([of.done, ofNobody.done]);
  });

  it.each([
    { what: 'its tenant was called', call: (trains: Trains) => trains.end('acme') },
    { what: 'its lane was called', call: (trains: Trains) => trains.end('1') },
    { what: 'all were ended', call: (trains: Trains) => trains.endAll() },
    {
      what: 'very many lanes were called after its own',
      call: (trains: Trains) => {
        for (const lane of upTo(1_500)) trains.end(`${lane}`);
      },
    },
  ])('is for one webhook if $what since its claim was sent', async ({ call }) => {
    const trains = new Trains();
    const claimed = line(3);
    call(trains);
    const { seen, done, settle } = send(trains, claimed);
    await turnOfEvents();
    settle();
    await done;
    expect([seen.begun, seen.returned]).toEqual([[1], [2, 3]]);
    const later = send(trains, line(2));
    await turnOfEvents();
    later.settle();
    await later.done;
    expect(later.seen.begun).toEqual([1, 2]);
  });

  it('is made of the webhooks of one ordered lane, in the order of sending', () => {
    const claimed = [
      webhook(3),
      webhook(5, { lane: '2' }),
      webhook(2, { dueMs: 7 }),
      webhook(1, { dueMs: 7 }),
      webhook(4, { lane: '3' }),
    ];
    const { single, trains } = inTrains(claimed, ({ lane }) => lane !== '2');
    expect(single.map(({ webhookId }) => webhookId)).toEqual(['5']);
    expect(trains.map((train) => train.map(({ webhookId }) => webhookId))).toEqual([
      ['3', '1', '2'],
      ['4'],
    ]);
  });
});
