import { describe, expect, it } from 'vitest';
import { graphileSchema } from '../../src/db/names.ts';
import { withLockTimeout } from '../../src/db/transaction.ts';
import { makePartitions } from '../../src/maintenance/partitions.ts';
import { prune } from '../../src/maintenance/prune.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

const dayMs = 86_400_000;

const database = forFile(createTestDatabase);

describe('partitions', () => {
  it('are there from yesterday to three days ahead, and made once', async () => {
    expect(await partitionDays()).toEqual([-1, 0, 1, 2, 3].map(day));
    expect(await makePartitions(database.pool)).toBe(0);
  });

  it('that are missing are made again, and take over what went to the default partition', async () => {
    await database.pool.query(`select posthorn.drop_partitions((now() at time zone 'UTC')::date)`);
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into posthorn.outbox (url, body) values ('https://example.com/', '{}') returning id`,
    );
    expect(await countOf('posthorn.outbox_default')).toBe(1);
    expect(await makePartitions(database.pool)).toBe(3);
    expect(await countOf('posthorn.outbox_default')).toBe(0);
    const moved = await database.pool.query('select id from posthorn.outbox');
    expect(moved.rows).toEqual(rows);
    await database.pool.query('truncate posthorn.queue, posthorn.outbox');
  });

  it('are made for every day that somebody enqueued on while nobody made any', async () => {
    await database.pool.query(
      `select posthorn.drop_partitions((now() at time zone 'UTC')::date - 1)`,
    );
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query('alter table posthorn.outbox disable trigger outbox_to_queue');
    for (const daysAgo of [1, 9]) {
      await client.query(
        `insert into posthorn.outbox (id, url, body)
         select overlay(posthorn.uuid_floor(now() - $1 * interval '1 day')::text placing '7' from 15 for 1)::uuid,
           'https://example.com/', '{}'`,
        [daysAgo],
      );
    }
    await client.query('alter table posthorn.outbox enable trigger outbox_to_queue');
    await client.query('commit');
    client.release();
    expect(await countOf('posthorn.outbox_default')).toBe(2);
    await makePartitions(database.pool);
    expect(await countOf('posthorn.outbox_default')).toBe(0);
    expect(await partitionDays()).toEqual([-9, -1, 0, 1, 2, 3].map(day));
    await database.pool.query(`select posthorn.drop_partitions($1::date)`, [day(-9)]);
    await database.pool.query('truncate posthorn.outbox');
  });

  it('can be made by several at once', async () => {
    await database.pool.query(
      `select posthorn.drop_partitions((now() at time zone 'UTC')::date + 2)`,
    );
    const made = await Promise.all([1, 2, 3].map(() => makePartitions(database.pool)));
    expect(made.reduce((sum, one) => sum + one, 0)).toBe(3);
  });

  it('wait for nobody who reads for long, and hold nobody up behind them', async () => {
    const missing = day(3);
    await database.pool.query('select posthorn.drop_partitions($1::date)', [missing]);
    await using reader = await openTransaction('select count(*) from posthorn.webhooks');
    const making = makePartitions(database.pool);
    making.catch(() => {});
    expect(await writesUntil(making)).toBeGreaterThan(10);
    await expect(making).rejects.toMatchObject({ code: '55P03' });
    await reader.end();
    expect(await makePartitions(database.pool)).toBe(3);
    await database.pool.query('truncate posthorn.queue, posthorn.outbox');
  });

  it('that are there need no lock, whoever reads', async () => {
    await using _reader = await openTransaction('select count(*) from posthorn.webhooks');
    expect(await makePartitions(database.pool)).toBe(0);
  });

  it('of attempts keep half of each page free, so that finishing an attempt is a HOT update', async () => {
    const { rows } = await database.pool.query<{ reloptions: string[] }>(
      `select reloptions from pg_class where oid = format('posthorn.attempts_%s',
         to_char(now() at time zone 'UTC', 'YYYYMMDD'))::regclass`,
    );
    expect(rows[0]?.reloptions).toContain('fillfactor=40');
  });
});

describe('pruning', () => {
  it('drops days older than the retention, but none of their unfinished webhooks', async () => {
    await oldWebhook({ daysAgo: 40, isFinished: true });
    await oldWebhook({ daysAgo: 35, isFinished: true });
    const unfinished = await oldWebhook({ daysAgo: 35, isFinished: false });
    await oldWebhook({ daysAgo: 29, isFinished: true });
    expect(await prune(database.pool, { retentionMs: 30 * dayMs })).toMatchObject({
      dropped: [day(-40), day(-35)],
      kept: [],
    });
    expect(await countOf('posthorn.outbox')).toBe(2);
    const { rows } = await database.pool.query(
      'select id, status, attempts, last_status_code from posthorn.webhooks order by id limit 1',
    );
    expect(rows).toEqual([
      { id: unfinished, status: 'pending', attempts: 1, last_status_code: 503 },
    ]);
    // Its day is not made again for it, and nobody is told that rows have no partition.
    expect(await makePartitions(database.pool)).toBe(0);
    expect(await partitionDays()).not.toContain(day(-35));
    await database.pool.query('truncate posthorn.queue, posthorn.outbox, posthorn.attempts');
  });

  it('forgets a webhook that was kept when it ended as long ago as history is kept', async () => {
    const ids = [
      await oldWebhook({ daysAgo: 36, isFinished: false }),
      await oldWebhook({ daysAgo: 36, isFinished: false }),
    ];
    await prune(database.pool, { retentionMs: 30 * dayMs });
    await database.pool.query('select posthorn.cancel_many($1)', [ids]);
    await database.pool.query(
      `update posthorn.outcomes set finished_at = now() - interval '31 days' where webhook_id = $1`,
      [ids[0]],
    );
    expect(await prune(database.pool, { retentionMs: 30 * dayMs })).toMatchObject({
      forgottenWebhooks: 1,
    });
    const { rows } = await database.pool.query(
      'select id from posthorn.webhooks where id = any ($1)',
      [ids],
    );
    expect(rows).toEqual([{ id: ids[1] }]);
    const { rows: tried } = await database.pool.query(
      'select webhook_id from posthorn.attempts where webhook_id = any ($1)',
      [ids],
    );
    expect(tried).toEqual([{ webhook_id: ids[1] }]);
    const { rows: said } = await database.pool.query(
      'select posthorn.retry($1) as of_the_gone, posthorn.retry($2) as of_the_kept',
      ids,
    );
    expect(said).toEqual([{ of_the_gone: 'payload_gone', of_the_kept: 'queued' }]);
    await database.pool.query('truncate posthorn.queue, posthorn.outbox, posthorn.attempts');
  });

  it('keeps a day that holds more unfinished webhooks than can be moved in a moment', async () => {
    await oldWebhook({ daysAgo: 37, isFinished: true });
    await database.pool.query(
      `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
       select id, id, 1, 1, 'infinity'
       from (
         select overlay(posthorn.uuid_floor($1::date::timestamp at time zone 'UTC')::text placing
           lpad(n::text, 12, '0') from 25)::uuid as id
         from generate_series(1, 10001) as n
       ) as ids`,
      [day(-37)],
    );
    expect(await prune(database.pool, { retentionMs: 30 * dayMs })).toMatchObject({
      dropped: [],
      kept: [day(-37)],
    });
    await database.pool.query(
      'delete from posthorn.queue where webhook_id = (select max(webhook_id::text)::uuid from posthorn.queue)',
    );
    expect(await prune(database.pool, { retentionMs: 30 * dayMs })).toMatchObject({
      dropped: [day(-37)],
      kept: [],
    });
    await database.pool.query('truncate posthorn.queue');
  });

  it('does all of its steps though one fails, and says at the end what failed', async () => {
    await database.pool.query(
      `insert into posthorn.idempotency_keys (tenant, key, outbox_id, expires_at)
       values ('', 'held', posthorn.uuid_v7(), now() - interval '1 s');
       insert into posthorn.tallies (id, counted_at, worker, attempts, failures)
       values
         (posthorn.uuid_floor(now() - interval '3 hours'), now() - interval '3 hours', 1, 1, 0),
         (posthorn.uuid_v7(), now(), 1, 1, 0);
       create function public.refuse() returns trigger language plpgsql
         as $$ begin raise exception 'not now'; end $$;
       create trigger refuse before delete on posthorn.idempotency_keys execute function public.refuse()`,
    );
    await expect(prune(database.pool, { retentionMs: 30 * dayMs })).rejects.toMatchObject({
      message: 'Cannot prune everything: idempotency keys: error: not now',
      result: { forgottenTallies: 1, deadJobs: 0 },
    });
    await database.pool.query(
      'drop trigger refuse on posthorn.idempotency_keys; truncate posthorn.idempotency_keys, posthorn.tallies',
    );
  });

  it('and all else that is deleted from a table works beside a publication of all tables', async () => {
    const { rows: keyless } = await database.pool.query(
      `select c.oid::regclass::text as table
       from pg_class as c
       where c.relnamespace in ('posthorn'::regnamespace, '${graphileSchema}'::regnamespace)
         and c.relkind in ('r', 'p')
         and not exists (
           select
           from pg_index as i
           where i.indrelid = c.oid
             and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident end)
         and c.relreplident <> 'f'`,
    );
    expect(keyless).toEqual([]);
    await database.pool.query(
      `insert into posthorn.tallies (id, counted_at, worker, attempts, failures)
       values (posthorn.uuid_floor(now() - interval '3 hours'), now() - interval '3 hours', 1, 1, 0);
       create publication everything for all tables`,
    );
    try {
      expect(await prune(database.pool, { retentionMs: 30 * dayMs })).toMatchObject({
        forgottenTallies: 1,
      });
    } finally {
      await database.pool.query('drop publication everything');
    }
  });

  it.each([
    ['the parent, such as a report', 'posthorn.webhooks'],
    ['nothing but the oldest day, such as pg_dump at work', `posthorn.outbox_${suffix(-50)}`],
  ])(
    'asks for no lock that somebody would have to wait behind while a long transaction reads %s',
    async (_, read) => {
      await oldWebhook({ daysAgo: 50, isFinished: true });
      await using reader = await openTransaction(`select count(*) from ${read}`);
      const pruning = prune(database.pool, { retentionMs: 30 * dayMs });
      expect(await writesUntil(pruning)).toBeGreaterThan(10);
      expect(await pruning).toMatchObject({ dropped: [], postponed: [day(-50)] });
      await reader.end();
      expect(await prune(database.pool, { retentionMs: 30 * dayMs })).toMatchObject({
        dropped: [day(-50)],
      });
    },
  );

  it('gives up a lock that it cannot have in 100 ms, when the transaction that has it has just begun', async () => {
    await oldWebhook({ daysAgo: 50, isFinished: true });
    await using reader = await openTransaction('select count(*) from posthorn.webhooks');
    await expect(
      withLockTimeout(
        database.pool,
        (client) => client.query('select posthorn.drop_partitions($1::date)', [day(-50)]),
        { tries: 2 },
      ),
    ).rejects.toMatchObject({ code: '55P03' });
    await reader.end();
    await prune(database.pool, { retentionMs: 30 * dayMs });
  });

  it('removes Graphile jobs that can never run again', async () => {
    await database.pool.query(`select ${graphileSchema}.add_job('deliver:99')`);
    await database.pool.query(`update ${graphileSchema}._private_jobs set attempts = max_attempts`);
    await database.pool.query(`select ${graphileSchema}.add_job('deliver:98')`);
    expect(await prune(database.pool, { retentionMs: 30 * dayMs })).toMatchObject({ deadJobs: 1 });
    expect(await countOf(`${graphileSchema}._private_jobs`)).toBe(1);
  });

  it('forgets expired idempotency keys', async () => {
    await database.pool.query(
      `insert into posthorn.idempotency_keys (tenant, key, outbox_id, expires_at)
       values ('', 'old', posthorn.uuid_v7(), now() - interval '1 s'), ('', 'new', posthorn.uuid_v7(), now() + interval '1 h')`,
    );
    expect(await prune(database.pool, { retentionMs: 30 * dayMs })).toMatchObject({
      expiredKeys: 1,
    });
    const { rows } = await database.pool.query('select key from posthorn.idempotency_keys');
    expect(rows).toEqual([{ key: 'new' }]);
  });
});

/** A transaction that stays open. */
async function openTransaction(statement: string) {
  const client = await database.pool.connect();
  await client.query('begin');
  await client.query(statement);
  let isOpen = true;
  const end = async () => {
    if (!isOpen) return;
    isOpen = false;
    await client.query('rollback');
    client.release();
  };
  return { end, [Symbol.asyncDispose]: end };
}

/**
 * Writes and reads the history as fast as it goes until the work is over, and fails when that has to wait for a lock: behind
 * one that is asked for it would, for 100 ms. Says how often. (Not by way of the outbox, as notifications have a lock that
 * all databases of a server share.)
 */
async function writesUntil(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  work.then(over, over);
  await using stack = new AsyncDisposableStack();
  const client = await database.pool.connect();
  stack.defer(() => client.release());
  await client.query(`set lock_timeout = '50ms'`);
  stack.defer(async () => void (await client.query('reset lock_timeout')));
  let writes = 0;
  for (; !isOver; writes += 1) {
    await client.query(
      `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
       select id, id, 1, 'delivered', 1 from posthorn.uuid_v7() as id`,
    );
    await client.query('select from posthorn.webhooks order by id desc limit 1');
  }
  await client.query(
    'delete from posthorn.outcomes where lane = 1 and outbox_id not in (select id from posthorn.outbox)',
  );
  return writes;
}

/** A webhook whose id is of a day in the past, with a partition for it. */
async function oldWebhook(webhook: { daysAgo: number; isFinished: boolean }): Promise<string> {
  await database.pool.query('select posthorn.make_partitions($1::date)', [day(-webhook.daysAgo)]);
  const client = await database.pool.connect();
  await client.query('begin');
  // The trigger refuses ids that are not of today.
  await client.query('alter table posthorn.outbox disable trigger outbox_to_queue');
  const { rows } = await client.query<{ id: string }>(
    `insert into posthorn.outbox (id, url, body)
     select
       overlay(posthorn.uuid_floor(($1::date + time '12:00') at time zone 'UTC')::text placing
         substring(posthorn.uuid_v7()::text from 15) from 15)::uuid,
       'https://example.com/', '{}'
     returning id`,
    [day(-webhook.daysAgo)],
  );
  const id = rows[0]?.id ?? '';
  await client.query(
    webhook.isFinished
      ? `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts) values ($1, $1, 1, 'delivered', 1)`
      : `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at, attempts)
         values ($1, $1, 1, 1, now(), 1)`,
    [id],
  );
  await client.query(
    `insert into posthorn.attempts (webhook_id, number, worker, finished_at, status_code)
     values ($1, 1, 1, now(), 503)`,
    [id],
  );
  await client.query('alter table posthorn.outbox enable trigger outbox_to_queue');
  await client.query('commit');
  client.release();
  return id;
}

async function partitionDays(): Promise<string[]> {
  const { rows } = await database.pool.query<{ day: string }>(
    'select day::text from posthorn.partition_days() as day',
  );
  return rows.map((row) => row.day);
}

async function countOf(table: string): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    `select count(*)::integer as count from ${table}`,
  );
  return rows[0]?.count ?? 0;
}

/** What the names of that day's partitions end with. */
function suffix(ahead: number): string {
  return day(ahead).replaceAll('-', '');
}

/** The date that many days from today, UTC. */
function day(ahead: number): string {
  return new Date(Date.now() + ahead * dayMs).toISOString().slice(0, 10);
}
