import { beforeEach, describe, expect, it } from 'vitest';
import { lockClass, sealingLock } from '../../src/db/names.ts';
import { prune } from '../../src/maintenance/prune.ts';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { forFile } from '../support/world.ts';

// posthorn.retry() and posthorn.cancel_many() as somebody in psql calls them. No worker is there.

const database = forFile(createTestDatabase);

const url = 'http://receiver.example/hook';

beforeEach(() => database.empty());

describe('retry', () => {
  it('puts a webhook back that has failed, and keeps how it had ended', async () => {
    const [id = ''] = await endedWebhooks(database, { to: url, count: 1, attempts: 3 });
    expect(await retry(id)).toBe('queued');
    expect(await queued(id)).toMatchObject({
      attempts: 3,
      past_attempts: 3,
      priority: 1,
      is_due: true,
    });
    expect(await rows('select * from posthorn.outcomes')).toEqual([]);
    expect(await rows('select * from posthorn.former_outcomes')).toMatchObject([
      { webhook_id: id, status: 'failed', attempts: 3, reason: 'http_503', replay_id: null },
    ]);
    expect(await rows('select status, attempts from posthorn.webhooks')).toEqual([
      { status: 'pending', attempts: 3 },
    ]);
  });

  it('does not wait for secrets that are being sealed', async () => {
    const [id = ''] = await endedWebhooks(database, { to: url, count: 1 });
    const sealer = await database.pool.connect();
    const caller = await database.pool.connect();
    try {
      await sealer.query('select pg_advisory_lock($1, $2)', [lockClass, sealingLock]);
      await caller.query("set lock_timeout = '1s'");
      const { rows: said } = await caller.query('select posthorn.retry($1) as said', [id]);
      expect(said).toEqual([{ said: 'queued' }]);
    } finally {
      sealer.release(true);
      caller.release(true);
    }
  });

  it('puts one back that was cancelled before it was ever tried, with its own priority', async () => {
    const { rows: made } = await database.pool.query<{ id: string }>(
      `insert into posthorn.outbox (url, body, priority) values ($1, '', 'high') returning id`,
      [url],
    );
    const id = made[0]?.id ?? '';
    await database.pool.query('select posthorn.cancel($1)', [id]);
    expect(await retry(id)).toBe('queued');
    expect(await queued(id)).toMatchObject({ attempts: 0, priority: 0 });
  });

  it('makes one due that waits for a retry, and leaves one alone that is due', async () => {
    const id = await enqueue();
    expect(await retry(id)).toBe('already_due');
    await database.pool.query(
      `update posthorn.queue set due_at = now() + interval '2 hours', attempts = 4`,
    );
    expect(await retry(id)).toBe('brought_forward');
    expect(await queued(id)).toMatchObject({ attempts: 4, past_attempts: 0, is_due: true });
  });

  it('leaves one alone that is being sent', async () => {
    const id = await enqueue();
    await database.pool.query(
      `update posthorn.queue set lease_until = now() + interval '1 minute', leased_by = 1, attempts = 1`,
    );
    expect(await retry(id)).toBe('delivering');
  });

  it('sends one again that was delivered only if it is forced to', async () => {
    const [id = ''] = await endedWebhooks(database, { to: url, count: 1, status: 'delivered' });
    expect(await retry(id)).toBe('delivered');
    expect(await rows('select * from posthorn.queue')).toEqual([]);
    const { rows: forced } = await database.pool.query(
      'select posthorn.retry($1, force => true) as became',
      [id],
    );
    expect(forced).toEqual([{ became: 'queued' }]);
  });

  it('refuses one whose endpoint was deleted', async () => {
    const endpoint = await registerEndpoint(database, { url });
    const [id = ''] = await endedWebhooks(database, { to: endpoint.id, count: 1 });
    await endpoint.set({ status: 'deleted' });
    expect(await retry(id)).toBe('endpoint_deleted');
    expect(await rows('select status from posthorn.outcomes')).toEqual([{ status: 'failed' }]);
  });

  it('tells one that was dropped with its day from one that never was', async () => {
    const { rows: made } = await database.pool.query<{ old: string; young: string }>(
      `select
         overlay(posthorn.uuid_v7()::text placing left(posthorn.uuid_floor(now() - interval '40 days')::text, 13) from 1)
           as old,
         posthorn.uuid_v7() as young`,
    );
    expect(await retry(made[0]?.old ?? '')).toBe('payload_gone');
    expect(await retry(made[0]?.young ?? '')).toBe('unknown');
    expect(await retry('00000000-0000-4000-8000-000000000000')).toBe('unknown');
  });

  it('says that the payload is gone when only that was dropped', async () => {
    const [id = ''] = await endedWebhooks(database, { to: url, count: 1 });
    await database.pool.query('truncate posthorn.outbox');
    expect(await retry(id)).toBe('payload_gone');
    expect(await rows('select status from posthorn.outcomes')).toHaveLength(1);
  });

  it('lets an ordered endpoint go on whose first one waits for its retry', async () => {
    const endpoint = await registerEndpoint(database, { url, ordered: true });
    await endpoint.enqueue(2);
    await database.pool.query(
      `update posthorn.lane_rules
       set retry_at = now() + interval '1 hour',
         retry_of = (select webhook_id from posthorn.queue order by due_at, webhook_id limit 1)`,
    );
    const [first, second] = await rows<{ webhook_id: string }>(
      'select webhook_id from posthorn.queue order by due_at, webhook_id',
    );
    // It was tried before the endpoint became ordered.
    await database.pool.query('update posthorn.queue set attempts = 1');
    expect(await retry(second?.webhook_id ?? '')).toBe('already_due');
    expect(await retry(first?.webhook_id ?? '')).toBe('brought_forward');
    expect(await endpoint.row()).toMatchObject({ retry_at: null });
  });

  it.each(['retry', 'cancel'])(
    'keeps it waiting after a %s of another one that was tried',
    async (act) => {
      const endpoint = await registerEndpoint(database, { url, ordered: true });
      await endpoint.enqueue(2);
      await database.pool.query(
        `update posthorn.queue set attempts = 1;
       update posthorn.lane_rules
       set retry_at = now() + interval '1 hour',
         retry_of = (select webhook_id from posthorn.queue order by due_at, webhook_id limit 1)`,
      );
      await database.pool.query(
        `select posthorn.${act}(webhook_id)
       from (select webhook_id from posthorn.queue order by due_at desc, webhook_id desc limit 1) as last`,
      );
      expect((await endpoint.row())['retry_at']).not.toBeNull();
    },
  );

  it('puts many back at once, and says how many', async () => {
    const ids = await endedWebhooks(database, { to: url, count: 50 });
    const { rows: done } = await database.pool.query('select posthorn.retry_many($1) as done', [
      [...ids, ...ids, '00000000-0000-4000-8000-000000000000'],
    ]);
    expect(done).toEqual([{ done: '50' }]);
    expect(await rows('select * from posthorn.queue')).toHaveLength(50);
  });

  it('is done once when many ask for it at the same time', async () => {
    const ids = await endedWebhooks(database, { to: url, count: 20 });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        database.pool.query<{ done: string }>('select posthorn.retry_many($1) as done', [
          at % 2 === 0 ? ids : ids.toReversed(),
        ]),
      ),
    );
    const done = answers.map((answer) => Number(answer.rows[0]?.done));
    expect(done.reduce((sum, count) => sum + count, 0)).toBe(20);
    expect(await rows('select * from posthorn.former_outcomes')).toHaveLength(20);
  });
});

describe('dropping a day', () => {
  it('waits for who puts something of it back, and then keeps that', async () => {
    const [id = ''] = await endedWebhooks(database, { to: url, count: 1 });
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query('select posthorn.retry($1)', [id]);
    const dropped = database.pool.query<{ dropped: boolean }>(
      `select posthorn.drop_partitions((posthorn.uuid_time($1) at time zone 'UTC')::date) as dropped`,
      [id],
    );
    const settled = await Promise.race([dropped, somebodyWaits()]);
    expect(settled).toBe('waits');
    await client.query('commit');
    client.release();
    expect((await dropped).rows).toEqual([{ dropped: true }]);
    expect(await queued(id)).toMatchObject({ is_due: true });
    expect(await rows('select id::text from posthorn.outbox_default')).toEqual([{ id }]);
  });

  async function somebodyWaits(): Promise<'waits'> {
    for (;;) {
      const waiting = await rows(
        `select from pg_locks where locktype = 'advisory' and not granted`,
      );
      if (waiting.length > 0) return 'waits';
    }
  }
});

it('pruning forgets replays that ended long ago, and how webhooks had ended whose day is gone', async () => {
  const [young = ''] = await endedWebhooks(database, { to: url, count: 1 });
  await retry(young);
  await database.pool.query(
    `insert into posthorn.former_outcomes (webhook_id, outbox_id, lane, finished_at, status, attempts)
     select id, id, 1, now(), 'failed', 1
     from (select posthorn.uuid_floor(now() - interval '40 days') as id) as old;
     insert into posthorn.replays (url, status, finished_at)
     values ('http://old.example/', 'finished', now() - interval '31 days'),
       ('http://young.example/', 'finished', now() - interval '29 days'),
       ('http://going.example/', 'running', null)`,
  );
  expect(await prune(database.pool, { retentionMs: 30 * 86_400_000 })).toMatchObject({
    forgottenReplays: 1,
    forgottenOutcomes: 1,
  });
  expect(await rows('select webhook_id from posthorn.former_outcomes')).toEqual([
    { webhook_id: young },
  ]);
  expect(await rows('select url from posthorn.replays')).toHaveLength(2);
});

describe('cancel', () => {
  it('ends many that wait, and leaves alone what is being sent', async () => {
    const ids = [await enqueue(), await enqueue(), await enqueue()];
    await database.pool.query(
      `update posthorn.queue set lease_until = now() + interval '1 minute', leased_by = 1, attempts = 1
       where webhook_id = $1`,
      [ids[0]],
    );
    const { rows: done } = await database.pool.query('select posthorn.cancel_many($1) as done', [
      ids,
    ]);
    expect(done).toEqual([{ done: '2' }]);
    expect(await rows(`select status from posthorn.outcomes`)).toEqual([
      { status: 'cancelled' },
      { status: 'cancelled' },
    ]);
  });
});

async function retry(id: string): Promise<string | undefined> {
  const { rows: answer } = await database.pool.query<{ became: string }>(
    'select posthorn.retry($1) as became',
    [id],
  );
  return answer[0]?.became;
}

async function enqueue(): Promise<string> {
  const { rows: made } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body) values ($1, '') returning id`,
    [url],
  );
  return made[0]?.id ?? '';
}

async function queued(id: string): Promise<Record<string, unknown> | undefined> {
  const { rows: found } = await database.pool.query(
    'select *, due_at <= clock_timestamp() as is_due from posthorn.queue where webhook_id = $1',
    [id],
  );
  return found[0];
}

async function rows<Row extends object>(statement: string): Promise<Row[]> {
  return (await database.pool.query<Row>(statement)).rows;
}
