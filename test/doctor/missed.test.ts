import type pg from 'pg';
import { beforeEach, expect, it } from 'vitest';
import { runPosthorn } from '../../harness/process.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { repair } from '../../src/doctor/repair.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

// Rows that came while the triggers did not fire: they are found, and the repair does what the triggers would have done.

const database = forFile(createTestDatabase);

beforeEach(() => database.empty());

const insert = `insert into posthorn.outbox (url, body, priority, idempotency_key)
  values ('http://a.example/', '', 'low', 'a key') returning id`;

it.each([
  ['session_replication_role is replica', 'set local session_replication_role = replica', insert],
  ['the triggers are disabled', 'alter table posthorn.outbox disable trigger all', insert],
  [
    'the owner inserts into a partition',
    'select',
    insert.replace('posthorn.outbox ', `posthorn.outbox_${suffix()} `),
  ],
])('a webhook that came while %s is found, enqueued and named', async (_, before, statement) => {
  expect(await finding('enqueued webhooks')).toMatchObject({
    status: 'ok',
    found: 'none',
  });
  const id = await inTransaction(before, statement);
  await database.pool.query('alter table posthorn.outbox enable trigger outbox_to_queue');
  const other = await database.pool.query(insert.replace('a key', 'b key'));
  expect(await finding('enqueued webhooks')).toMatchObject({
    status: 'fail',
    found: `1 webhook or event of all 2 were never enqueued: ${id}`,
    remedy: expect.stringMatching(/^posthorn doctor --repair enqueues them/),
  });
  expect(await repair(database.url)).toEqual({ lanes: [], subscriptions: [], webhooks: [id] });
  expect(await finding('enqueued webhooks')).toMatchObject({ status: 'ok', found: 'all 2' });
  // As the trigger does it.
  const { rows } = await database.pool.query(
    `select count(*)::integer as rows, count(distinct (lane, priority, attempts))::integer as kinds,
       bool_and(due_at <= now()) as due
     from posthorn.queue where webhook_id in ($1, $2)`,
    [id, other.rows[0].id],
  );
  expect(rows).toEqual([{ rows: 2, kinds: 1, due: true }]);
  const keys = await database.pool.query(
    'select outbox_id from posthorn.idempotency_keys where key = $1',
    ['a key'],
  );
  expect(keys.rows).toEqual([{ outbox_id: id }]);
  expect(await repair(database.url)).toEqual({ lanes: [], subscriptions: [], webhooks: [] });
});

it('what has ended since it was found is not sent again', async () => {
  const id = await inTransaction('set local session_replication_role = replica', insert);
  const twice = await Promise.all([repair(database.url), repair(database.url)]);
  expect(twice.flatMap(({ webhooks }) => webhooks)).toEqual([id]);
  await database.pool.query('select posthorn.cancel($1)', [id]);
  const { rows } = await database.pool.query('select posthorn.enqueue_missed(array[$1::uuid])', [
    id,
  ]);
  expect(rows).toEqual([]);
});

it('endpoints whose rules no trigger has made, and rules of no endpoint, are found and made right', async () => {
  const client = await database.pool.connect();
  await client.query('begin; set local session_replication_role = replica');
  const { rows } = await client.query<{ id: string; lane: string }>(
    `insert into posthorn.endpoints (url, status, max_in_flight, ordered)
     values ('http://paused.example/', 'paused', null, false), ('http://few.example/', 'active', 3, true),
       ('http://usual.example/', 'active', null, false)
     returning id, lane::text`,
  );
  await client.query(
    'insert into posthorn.lane_rules (lane, is_held, is_ordered) values (7, true, false)',
  );
  await client.query('commit');
  client.release();
  expect(await finding('lane rules')).toMatchObject({
    status: 'fail',
    found: `differ for 3 endpoints: ${rows[0]?.id}, ${rows[1]?.id}, lane 7`,
    remedy: 'posthorn doctor --repair',
  });
  const { lanes } = await repair(database.url);
  expect(lanes.toSorted()).toEqual(['7', rows[0]?.lane, rows[1]?.lane].toSorted());
  expect(await finding('lane rules')).toMatchObject({ status: 'ok' });
  const rules = await database.pool.query(
    'select lane::text, is_held, is_ordered, max_in_flight from posthorn.lane_rules order by is_held',
  );
  expect(rules.rows).toEqual([
    { lane: rows[1]?.lane, is_held: false, is_ordered: true, max_in_flight: 3 },
    { lane: rows[0]?.lane, is_held: true, is_ordered: false, max_in_flight: null },
  ]);
});

it('what replication brings with its rows of the queue and of the rules is taken as it is', async () => {
  const client = await database.pool.connect();
  await client.query('begin; set local session_replication_role = replica');
  await client.query(
    `with said as (
       insert into posthorn.outbox_default (id, url, body)
       select overlay(posthorn.uuid_floor(now() - interval '9 days')::text placing '7' from 15 for 1)::uuid, 'http://a.example/', ''
       returning id
     )
     insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at) select id, id, 1, 1, now() from said;
     insert into posthorn.endpoints (url, status) values ('http://paused.example/', 'paused');
     insert into posthorn.lane_rules (lane, is_held, is_ordered) select lane, true, false from posthorn.endpoints;
     update posthorn.endpoints set status = 'deleted', secret = null;
     delete from posthorn.lane_rules`,
  );
  await client.query('commit');
  client.release();
  expect(await finding('enqueued webhooks')).toMatchObject({ status: 'ok', found: 'all 1' });
  expect(await finding('lane rules')).toMatchObject({ status: 'ok' });
});

it('looks at the newest webhooks only, page by page', async () => {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, body) select 'http://a.example/', '' from generate_series(1, 10) returning id`,
  );
  await database.pool.query('delete from posthorn.queue where webhook_id = any ($1)', [
    [rows[0]?.id, rows[9]?.id],
  ]);
  const pages: unknown[] = [];
  for (let before: string | null = 'ffffffff-ffff-ffff-ffff-ffffffffffff'; before !== null; ) {
    const page: pg.QueryResult = await database.pool.query(
      'select webhook_ids, walked_to from posthorn.missed($1, 4)',
      [before],
    );
    pages.push(page.rows[0].webhook_ids);
    before = page.rows[0].walked_to;
  }
  expect(pages).toEqual([[rows[9]?.id], [], [rows[0]?.id]]);
});

it('posthorn doctor repairs when it is asked to, and says what', async () => {
  const id = await inTransaction('set local session_replication_role = replica', insert);
  const { stdout } = await runPosthorn(['doctor', '--repair'], { DATABASE_URL: database.url });
  expect(stdout).toContain(`enqueued ${id}\n`);
  expect(stdout).toMatch(/^ok +enqueued webhooks +all 1$/m);
});

async function inTransaction(before: string, statement: string): Promise<string> {
  const client = await database.pool.connect();
  await client.query('begin');
  await client.query(before);
  const { rows } = await client.query<{ id: string }>(statement);
  await client.query('commit');
  client.release();
  return rows[0]?.id ?? '';
}

async function finding(check: string): Promise<Finding | undefined> {
  const findings = await examine({
    databaseUrl: database.url,
    ...{
      isEmbedded: false,
      dataDir: '.',
      redisUrl: undefined,
      keyRing: undefined,
      environment: '',
    },
  });
  return findings.find((one) => one.check === check);
}

function suffix(): string {
  return new Date().toISOString().slice(0, 10).replaceAll('-', '');
}
