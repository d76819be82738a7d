import { beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import {
  ask,
  besideTransaction,
  clear,
  idOf,
  inS,
  plant,
  plantQueue,
  whileHeld,
} from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// posthorn.take_back() and cancel_many() by themselves: what each guard of theirs keeps out.

const database = forFile(createTestDatabase);

const url = 'http://receiver.example/hook';

beforeEach(() => clear(database));

/** Puts back for replay 7 what has failed, and makes due what waits. */
async function putBack(ids: readonly string[]): Promise<void> {
  await database.pool.query(`select posthorn.put_back($1, '{failed,pending}', replay_id => $2)`, [
    ids,
    idOf(7),
  ]);
}

const claiming = {
  statement: `update posthorn.queue
    set attempts = attempts + 1, leased_by = 1, lease_until = now() + interval '1 h'`,
  end: 'commit',
} as const;

const queue = () =>
  ask(
    database,
    `select webhook_id as id, round(extract(epoch from due_at - now()))::integer as due_in_s
     from posthorn.queue order by 1`,
  );

describe('taking back', () => {
  const takeBack = (most = 100, after = idOf(0).replaceAll(/[1-9a-f]/g, '0')) =>
    ask<{ taken_back: number; walked_to: string | null }>(
      database,
      'select * from posthorn.take_back($1, $2, $3)',
      [idOf(7), after, most],
    );

  it.each([
    { is: 'was not tried since', change: '', back: 1 },
    { is: 'was tried since', change: 'update posthorn.queue set attempts = attempts + 1', back: 0 },
    {
      is: 'is being sent',
      change: `update posthorn.queue set lease_until = now() + interval '1 h'`,
      back: 0,
    },
    {
      is: 'had a lease that ran out before its attempt',
      change: `update posthorn.queue set lease_until = now() - interval '1 h'`,
      back: 1,
    },
    {
      is: 'was put back by another replay',
      change: `update posthorn.former_outcomes set replay_id = posthorn.uuid_v7()`,
      back: 0,
    },
    {
      is: 'was put back once more',
      change: `insert into posthorn.former_outcomes (webhook_id, outbox_id, lane, finished_at, replayed_at, status, attempts)
         select webhook_id, outbox_id, lane, finished_at, now() + interval '1 s', status, attempts from posthorn.former_outcomes`,
      back: 0,
    },
  ])('what $is: $back', async ({ change, back }) => {
    const ids = await endedWebhooks(database, { to: url, count: 1 });
    const before = await ask(database, 'select * from posthorn.outcomes');
    await putBack(ids);
    await database.pool.query(change);
    expect(await takeBack()).toEqual([{ taken_back: back, walked_to: null }]);
    expect(await ask(database, 'select * from posthorn.outcomes')).toEqual(
      back === 1 ? before : [],
    );
    expect(await queue()).toHaveLength(1 - back);
  });

  it('goes page by page, over what was put back and what was hurried', async () => {
    const ids = await endedWebhooks(database, { to: url, count: 3 });
    await plantQueue(database, [
      { n: 1, due_at: inS(7_200) },
      { n: 2, due_at: inS(7_200) },
    ]);
    const all = [idOf(1), idOf(2), ...ids];
    await putBack(all);
    const [first] = await takeBack(3);
    expect(first).toEqual({ taken_back: 3, walked_to: all[2] });
    expect(await takeBack(3, all[2])).toEqual([{ taken_back: 2, walked_to: null }]);
    expect((await queue()).map((row) => Number(row['due_in_s']) > 7_000)).toEqual([true, true]);
  });

  it.each([
    { is: 'was tried since', change: 'update posthorn.queue set attempts = attempts + 1' },
    {
      is: 'was moved since',
      change: `update posthorn.queue set due_at = due_at + interval '1 ms'`,
    },
    {
      is: 'is being sent',
      change: `update posthorn.queue set lease_until = now() + interval '1 h'`,
    },
    {
      is: 'was hurried by another replay',
      change: 'update posthorn.brought_forward set replay_id = posthorn.uuid_v7()',
    },
  ])('what was hurried and $is stays due', async ({ change }) => {
    await plantQueue(database, [{ n: 1, due_at: inS(7_200) }]);
    await putBack([idOf(1)]);
    await database.pool.query(change);
    expect(await takeBack()).toMatchObject([{ taken_back: 0 }]);
    expect(Number((await queue())[0]?.['due_in_s'])).toBeLessThan(100);
  });

  it.each([
    { rule: 'waits for nothing', change: '', waits: true },
    {
      rule: 'waits for another one',
      change: `update posthorn.lane_rules set retry_at = now() + interval '9 h', retry_of = gen_random_uuid()`,
      waits: false,
    },
    {
      rule: 'has no order any more',
      change: 'update posthorn.lane_rules set is_ordered = false',
      waits: false,
    },
    {
      rule: 'would not wait any more',
      change: `update posthorn.brought_forward set retry_at = now() - interval '1 s'`,
      waits: false,
    },
  ])('an ordered lane that $rule waits again: $waits', async ({ change, waits }) => {
    await plant(database, 'lane_rules', [
      { lane: 1, is_held: false, is_ordered: true, retry_at: inS(3_600), retry_of: idOf(1) },
    ]);
    await plantQueue(database, [{ n: 1, attempts: 1 }]);
    await putBack([idOf(1)]);
    await database.pool.query(change);
    await takeBack();
    const [rule] = await ask(database, 'select retry_of from posthorn.lane_rules');
    expect(rule?.['retry_of'] === idOf(1)).toBe(waits);
  });

  it('waits for who is claiming one, and then leaves that alone', async () => {
    const [id = ''] = await endedWebhooks(database, { to: url, count: 1 });
    await putBack([id]);
    const { waited, result } = await besideTransaction(database, claiming, () => takeBack());
    expect(waited).toBe(true);
    expect(result).toMatchObject([{ taken_back: 0 }]);
    expect(await queue()).toHaveLength(1);
    expect(await ask(database, 'select from posthorn.outcomes')).toEqual([]);
  });
});

describe('cancelling', () => {
  const cancel = async (...ns: number[]) =>
    (await ask(database, 'select posthorn.cancel_many($1)::integer as n', [ns.map(idOf)]))[0]?.[
      'n'
    ];

  it('ends what waits, with the attempts of leases that ran out, and nothing else', async () => {
    await plantQueue(database, [
      { n: 1, attempts: 2, lease_until: inS(-1), leased_by: 1 },
      { n: 2, lease_until: inS(3_600), leased_by: 1, attempts: 1 },
      { n: 3, due_at: inS(3_600), lane: 4 },
      { n: 4 },
    ]);
    const tried = (n: number, number: number, row: object = {}) => ({
      ...{ webhook_id: idOf(n), number, worker: 1 },
      ...row,
    });
    await plant(database, 'attempts', [
      tried(1, 1, { finished_at: inS(-9), error: 'http_500' }),
      ...[tried(1, 2), tried(2, 1), tried(4, 1)],
    ]);
    expect(await cancel(1, 2, 3, 3)).toBe(2);
    expect(
      await ask(
        database,
        'select webhook_id, outbox_id, lane, status, attempts, reason from posthorn.outcomes order by 1',
      ),
    ).toEqual(
      [
        { n: 1, lane: '1', attempts: 2 },
        { n: 3, lane: '4', attempts: 0 },
      ].map(({ n, ...rest }) => ({
        ...{ webhook_id: idOf(n), outbox_id: idOf(n), status: 'cancelled', reason: 'cancelled' },
        ...rest,
      })),
    );
    expect((await queue()).map(({ id }) => id)).toEqual([2, 4].map(idOf));
    expect(
      await ask(database, 'select webhook_id, number, error from posthorn.attempts order by 1, 2'),
    ).toEqual([
      { webhook_id: idOf(1), number: 1, error: 'http_500' },
      { webhook_id: idOf(1), number: 2, error: 'abandoned' },
      { webhook_id: idOf(2), number: 1, error: null },
      { webhook_id: idOf(4), number: 1, error: null },
    ]);
  });

  it('lets the lane go on that waits for it, and no other', async () => {
    const rule = { is_held: false, is_ordered: true, retry_at: inS(3_600) };
    await plant(database, 'lane_rules', [
      { ...rule, lane: 1, retry_of: idOf(1) },
      { ...rule, lane: 2, retry_of: idOf(9) },
      { ...rule, lane: 3, retry_of: idOf(3) },
    ]);
    await plantQueue(database, [{ n: 1 }, { n: 2, lane: 2 }, { n: 3, lane: 3 }]);
    expect(await cancel(1, 2)).toBe(2);
    expect(
      await ask(
        database,
        'select retry_of, retry_at is null as is_free from posthorn.lane_rules order by lane',
      ),
    ).toEqual([
      { retry_of: null, is_free: true },
      { retry_of: idOf(9), is_free: false },
      { retry_of: idOf(3), is_free: false },
    ]);
  });

  it('waits for who is claiming it, and then leaves it alone', async () => {
    await plantQueue(database, [{ n: 1 }]);
    expect(await besideTransaction(database, claiming, () => cancel(1))).toEqual({
      waited: true,
      result: 0,
    });
    expect(await queue()).toHaveLength(1);
    expect(await ask(database, 'select from posthorn.outcomes')).toEqual([]);
  });

  it('does not wait for what it is not to cancel', async () => {
    await plantQueue(database, [{ n: 1 }, { n: 2 }]);
    const held = `select from posthorn.queue where webhook_id = '${idOf(2)}' for update`;
    await whileHeld(database, held, (pool) =>
      pool.query('select posthorn.cancel_many($1)', [[idOf(1)]]),
    );
    expect((await queue()).map(({ id }) => id)).toEqual([idOf(2)]);
  });
});
