import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { ask, clear, inS, plant } from '../support/rows.ts';

// posthorn.webhooks: what people are told of a webhook, by the rows that there are of it.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const later = inS(7_200);
const url = 'http://a.example/';

it.each([
  { is: 'due', waits_for: 'slot', next: 'due' },
  { is: 'due later', queue: { due_at: later }, waits_for: 'due_time', next: 'later' },
  {
    is: 'being sent',
    queue: { lease_until: later },
    status: 'delivering',
    waits_for: null,
    next: null,
  },
  { is: 'leased no more', queue: { lease_until: inS(-5) }, waits_for: 'slot', next: 'due' },
  {
    is: 'paused',
    rule: { is_held: true },
    endpoint: { status: 'paused' },
    waits_for: 'endpoint_paused',
    next: null,
  },
  {
    is: 'behind another one',
    rule: { retry_at: later },
    waits_for: 'retry_of_the_first',
    next: 'later',
  },
  { is: 'behind none any more', rule: { retry_at: inS(-5) }, waits_for: 'slot', next: 'due' },
  {
    is: 'of an open breaker',
    breaker: { state: 'open', open_until: later },
    waits_for: 'breaker',
    next: 'later',
  },
  { is: 'of a closed breaker', breaker: { open_until: later }, waits_for: 'slot', next: 'due' },
  {
    is: 'told to wait',
    breaker: { throttled_until: later },
    waits_for: 'throttled',
    next: 'later',
  },
  {
    is: 'told to wait no more',
    breaker: { throttled_until: inS(-5) },
    waits_for: 'slot',
    next: 'due',
  },
  {
    is: 'of an open breaker, and told to wait for longer',
    breaker: { state: 'open', open_until: inS(60), throttled_until: later },
    waits_for: 'throttled',
    next: 'later',
  },
  {
    is: 'paused, and due later',
    queue: { due_at: later },
    rule: { is_held: true },
    endpoint: { status: 'paused' },
    waits_for: 'endpoint_paused',
    next: null,
  },
  {
    is: 'disabled, and of an open breaker',
    rule: { is_held: true },
    endpoint: { status: 'disabled' },
    breaker: { state: 'open', open_until: later },
    waits_for: 'endpoint_disabled',
    next: null,
  },
  {
    is: 'due later, and of an open breaker',
    queue: { due_at: later },
    breaker: { state: 'open', open_until: later },
    waits_for: 'due_time',
    next: 'later',
  },
])('one that is $is waits for $waits_for, until $next', async (one) => {
  const endpoint = await registerEndpoint(database, { url });
  await endpoint.enqueue(1);
  const lane = (await endpoint.row())['lane'];
  await database.pool.query(`update posthorn.queue set due_at = now() - interval '1 h'`);
  if ('endpoint' in one) await endpoint.set(one.endpoint as { status: string });
  await database.pool.query('delete from posthorn.lane_rules');
  if ('rule' in one) {
    await plant(database, 'lane_rules', [{ lane, is_held: false, is_ordered: true, ...one.rule }]);
  }
  if ('breaker' in one) await plant(database, 'breakers', [{ key: lane, url, ...one.breaker }]);
  if ('queue' in one) {
    for (const [column, value] of Object.entries(one.queue ?? {})) {
      await database.pool.query(`update posthorn.queue set ${column} = $1`, [value]);
    }
  }
  const [row] = await ask(
    database,
    `select status, waits_for, attempts, finished_at, last_status_code, last_error,
       case when next_attempt_at > now() + interval '1 h' then 'later'
         when next_attempt_at < now() - interval '50 minutes' then 'due'
         when next_attempt_at is not null then 'now' end as next
     from posthorn.webhooks`,
  );
  const status = 'status' in one ? one.status : 'pending';
  expect(row).toEqual({
    ...{ status, waits_for: one.waits_for, next: one.next },
    ...{ attempts: 0, finished_at: null, last_status_code: null, last_error: null },
  });
});

it('one that has ended shows how, and what its last attempt said', async () => {
  const endpoint = await registerEndpoint(database, { url });
  await endpoint.enqueue(1);
  const [webhook] = await ask<{ webhook_id: string; lane: string }>(
    database,
    'select * from posthorn.queue',
  );
  const { webhook_id = '', lane = '' } = webhook ?? {};
  for (const [number, status_code] of [
    [1, 500],
    [2, 502],
  ]) {
    await plant(database, 'attempts', [
      { webhook_id, number, worker: 1, status_code, error: `http_${status_code}` },
    ]);
  }
  const look = async () => (await ask(database, 'select * from posthorn.webhooks'))[0];
  expect(await look()).toMatchObject({
    status: 'pending',
    last_status_code: 502,
    last_error: 'http_502',
    lane,
  });
  await database.pool.query('delete from posthorn.queue');
  const finished_at = inS(-9);
  await plant(database, 'outcomes', [
    {
      ...{ webhook_id, outbox_id: webhook_id, lane, status: 'failed', attempts: 2, finished_at },
      ...{ last_status_code: 503, reason: 'why' },
    },
  ]);
  expect(await look()).toMatchObject({
    ...{
      status: 'failed',
      attempts: 2,
      last_status_code: 503,
      last_error: 'http_502',
      reason: 'why',
    },
    ...{ finished_at, next_attempt_at: null, waits_for: null, url, endpoint_id: endpoint.id, lane },
    body_bytes: 1,
  });
});
