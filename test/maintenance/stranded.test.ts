import { expect, it } from 'vitest';
import { makePartitions } from '../../src/maintenance/partitions.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { forFile } from '../support/world.ts';

// What producers insert while nobody makes partitions goes to the default partitions. Here it is brought into its days.

const days = 10;

const database = forFile(createTestDatabase);

it('after ten days without a worker, one that starts makes all days while producers insert', async () => {
  await withoutPartitions();
  await insertOfDays(200);
  const producers = [1, 2, 3].map(() => startProducer());
  {
    await using _worker = await startEngine(database, { timings: { partitionsAgainMs: 200 } });
    await eventually(async () => (await missing()).length === 0, 'all days are there', 150_000);
  }
  const inserted = await Promise.all(producers.map((producer) => producer.end()));
  expect(await stranded()).toBe(0);
  const { rows } = await database.pool.query(
    `select count(*)::integer as webhooks, count(distinct id)::integer as ids from posthorn.webhooks where waits_for = 'due_time'`,
  );
  const all = days * 200 + inserted.reduce((sum, one) => sum + one, 0);
  expect(rows).toEqual([{ webhooks: all, ids: all }]);
});

it('a day that cannot be made does not keep the others from it, and is made later', async () => {
  await withoutPartitions();
  await insertOfDays(2);
  const name = `posthorn.outbox_${dateOf(-5).replaceAll('-', '')}`;
  // A table has a type of its name, and so cannot be made.
  await database.pool.query(`create type ${name} as enum ()`);
  await expect(makePartitions(database.pool)).rejects.toThrow(
    `Cannot make the partitions of 1 day: ${dateOf(-5)}: error: type "${name.slice(9)}" already exists`,
  );
  expect(await missing()).toEqual([-5]);
  const next = `posthorn.outbox_${dateOf(1).replaceAll('-', '')}`;
  await database.pool.query(`select posthorn.drop_partitions($1)`, [dateOf(1)]);
  await database.pool.query(`create type ${next} as enum ()`);
  await expect(makePartitions(database.pool)).rejects.toThrow(
    'Cannot make the partitions of 2 days: ',
  );
  await database.pool.query(`drop type ${next}`);
  await database.pool.query(`drop type ${name}`);
  expect(await makePartitions(database.pool)).toBe(6);
  expect(await stranded()).toBe(0);
});

it('a worker tries again to make a day that it could not make when it started', async () => {
  await withoutPartitions();
  await insertOfDays(2);
  const name = `posthorn.outbox_${dateOf(-5).replaceAll('-', '')}`;
  await database.pool.query(`create type ${name} as enum ()`);
  await using _worker = await startEngine(database, { timings: { partitionsAgainMs: 200 } });
  await eventually(async () => (await missing()).join() === '-5', 'the other days are there');
  await database.pool.query(`drop type ${name}`);
  await eventually(async () => (await missing()).length === 0, 'that day is there');
});

it('an attempt that is recorded while its row is moved is finished all the same', async () => {
  await withoutPartitions();
  await database.pool.query(
    `insert into posthorn.attempts (webhook_id, number, worker, finished_at, error)
     select posthorn.uuid_v7(), 1, 1, case when n > 1 then now() end, case when n = 2 then 'abandoned' end
     from generate_series(1, 3) as n`,
  );
  // Holds up the locked part of the move, when what can be moved without a lock has been.
  const producer = await database.pool.connect();
  await producer.query(
    `begin; insert into posthorn.outbox (url, body, send_at) values ('http://a.example/', '', now() + interval '1 hour')`,
  );
  const making = makePartitions(database.pool);
  making.catch(() => {});
  await eventually(async () => {
    const { rows } = await database.pool.query(
      `select from pg_stat_activity where query like 'select posthorn.make_partitions%' and wait_event = 'PgSleep'`,
    );
    return rows.length > 0;
  }, 'it waits for its lock');
  const recorder = await database.pool.connect();
  await recorder.query(`set lock_timeout = '1s'`);
  const { rowCount } = await recorder.query(
    `update posthorn.attempts set finished_at = now(), error = null, status_code = 200
     where finished_at is null or error = 'abandoned'`,
  );
  expect(rowCount).toBe(2);
  recorder.release(true);
  await producer.query('commit');
  producer.release();
  await making;
  const { rows } = await database.pool.query(
    'select count(*)::integer as tried, count(status_code)::integer as answered from posthorn.attempts',
  );
  expect(rows).toEqual([{ tried: 3, answered: 2 }]);
  expect(await stranded()).toBe(0);
});

/** As if the worker had been away since before all of them. */
async function withoutPartitions(): Promise<void> {
  await database.empty();
  await database.pool.query(
    `select posthorn.drop_partitions(day) from posthorn.partition_days() as day;
     update posthorn.history set whole_from = 'epoch'`,
  );
}

/** So many webhooks of each of the last days, as producers inserted them then. */
async function insertOfDays(count: number): Promise<void> {
  await database.pool.query(
    `with old as (
       select overlay(posthorn.uuid_floor(now() - day * interval '1 day')::text placing
           substring(posthorn.uuid_v7()::text from 15) from 15)::uuid as id
       from generate_series(1, ${days}) as day
       cross join generate_series(1, $1::integer)
     ),
     said as (
       -- Into the partition itself, as the trigger refuses ids that are not of today.
       insert into posthorn.outbox_default (id, url, body) select id, 'http://a.example/', '{}' from old
     )
     insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     select id, id, 1, 1, now() + interval '1 hour' from old`,
    [count],
  );
}

/** Inserts without a pause until it is ended; says how many, and fails if an insert does. */
function startProducer(): { end(): Promise<number> } {
  let isOver = false;
  const insert = async () => {
    let inserted = 0;
    for (; !isOver; inserted += 1) {
      await database.pool.query(
        `insert into posthorn.outbox (url, body, send_at) values ('http://a.example/', '{}', now() + interval '1 hour')`,
      );
    }
    return inserted;
  };
  const inserting = insert();
  inserting.catch(() => {});
  return {
    end: () => {
      isOver = true;
      return inserting;
    },
  };
}

/** The days from the first of them to three days ahead that lack a partition, by how far they are from today. */
async function missing(): Promise<number[]> {
  const { rows } = await database.pool.query<{ ahead: number }>(
    `select ahead
     from generate_series(-${days}, 3) as ahead
     where (now() at time zone 'UTC')::date + ahead not in (select posthorn.partition_days())
     order by ahead`,
  );
  return rows.map(({ ahead }) => ahead);
}

/** The date that many days from today, UTC. */
function dateOf(ahead: number): string {
  return new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
}

async function stranded(): Promise<number> {
  const { rows } = await database.pool.query<{ rows: number }>(
    `select ((select count(*) from posthorn.outbox_default) + (select count(*) from posthorn.attempts_default)
       + (select count(*) from posthorn.outcomes_default))::integer as rows`,
  );
  return rows[0]?.rows ?? 0;
}
