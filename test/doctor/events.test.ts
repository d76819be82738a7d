import { beforeEach, describe, expect, it } from 'vitest';
import { examine } from '../../src/doctor/examine.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { judgeCatchUps, judgeFanOuts } from '../../src/doctor/judge/events.ts';
import { repair } from '../../src/doctor/repair.ts';
import { repairReport } from '../../src/doctor/report.ts';
import { createTestDatabase } from '../support/database.ts';
import { publishEvents, subscribedEndpoint, webhookOf } from '../support/event-rows.ts';
import { ask } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// What the doctor says about events, their subscriptions and the jobs that add their webhooks.

const database = forFile(createTestDatabase);

beforeEach(() => database.empty());

/** Runs statements in one transaction for which no trigger fires. */
const withoutTriggers = (statements: string) =>
  database.pool.query(`begin; set local session_replication_role = replica; ${statements}; commit`);

it('an event that no trigger has fanned out is found, and goes to those who subscribe now', async () => {
  const endpoint = await subscribedEndpoint(database);
  await publishEvents(database, {}, { tenant: 'without endpoints' }, { tenant: '*' });
  expect(await finding('enqueued webhooks')).toMatchObject({ status: 'ok', found: 'all 3' });
  await withoutTriggers(
    `insert into posthorn.events (tenant, event_type, body) values ('acme', 'order.paid', '{}')`,
  );
  const [missed] = await ask<{ id: string }>(
    database,
    'select id from posthorn.outbox order by id desc limit 1',
  );
  const id = missed?.id ?? '';
  expect(await finding('enqueued webhooks')).toMatchObject({
    status: 'fail',
    found: `1 webhook or event of all 4 were never enqueued: ${id}`,
  });
  expect(await repair(database.url)).toEqual({ lanes: [], subscriptions: [], webhooks: [id] });
  await database.pool.query('select posthorn.fan_out($1, 100)', [id]);
  const webhook = await webhookOf(database, { event: id, endpoint });
  expect(
    await ask(database, 'select outbox_id from posthorn.queue where webhook_id = $1', [webhook]),
  ).toEqual([{ outbox_id: id }]);
  expect(await finding('enqueued webhooks')).toMatchObject({ status: 'ok', found: 'all 4' });
});

describe('subscriptions', () => {
  it.each([
    {
      what: 'deleted',
      change: `status = 'deleted', secret = null`,
      becomes: { is_live: false, has_ended: true },
    },
    {
      what: 'disabled',
      change: `status = 'disabled'`,
      becomes: { is_live: false, has_ended: false },
    },
    {
      what: 'made ordered',
      change: 'ordered = true',
      becomes: { is_ordered: true, has_ended: false },
    },
    {
      what: 'given to another tenant',
      change: `tenant = 'b'`,
      becomes: { tenant: 'acme', has_ended: true, is_live: false },
      instead: [{ tenant: 'b', is_live: true }],
    },
  ])(
    'whose endpoint was $what without a trigger are found and corrected',
    async ({ change, becomes, instead = [] }) => {
      const endpoint = await subscribedEndpoint(database);
      await subscribedEndpoint(database);
      expect(await finding('subscriptions')).toMatchObject({ status: 'ok' });
      await withoutTriggers(`update posthorn.endpoints set ${change} where id = '${endpoint}'`);
      const [row] = await ask<{ id: string }>(
        database,
        'select id from posthorn.subscriptions where endpoint_id = $1',
        [endpoint],
      );
      const id = row?.id ?? '';
      expect(await finding('subscriptions')).toMatchObject({
        status: 'fail',
        found: `1 subscription differs: ${id}`,
        remedy: 'posthorn doctor --repair',
      });
      const repaired = await repair(database.url);
      expect(repaired.subscriptions).toEqual([id]);
      expect(repairReport(repaired)).toContain(`corrected the subscription ${id}`);
      const [after] = await ask(
        database,
        'select *, ended_at is not null as has_ended from posthorn.subscriptions where id = $1',
        [id],
      );
      expect(after).toMatchObject(becomes);
      const made = await ask(
        database,
        'select tenant, is_live from posthorn.subscriptions where endpoint_id = $1 and id <> $2',
        [endpoint, id],
      );
      expect(made).toEqual(instead);
      expect(await finding('subscriptions')).toMatchObject({ status: 'ok' });
      expect((await repair(database.url)).subscriptions).toEqual([]);
    },
  );

  it('without an endpoint are found and deleted', async () => {
    const endpoint = await subscribedEndpoint(database);
    await withoutTriggers(`delete from posthorn.endpoints where id = '${endpoint}'`);
    expect(await finding('subscriptions')).toMatchObject({ status: 'fail' });
    await repair(database.url);
    expect(await ask(database, 'select from posthorn.subscriptions')).toEqual([]);
    expect(await finding('subscriptions')).toMatchObject({ status: 'ok' });
  });

  it('that have ended are as they were, whatever becomes of the endpoint', async () => {
    const endpoint = await subscribedEndpoint(database);
    await database.pool.query('update posthorn.subscriptions set ended_at = now()');
    await database.pool.query(`update posthorn.endpoints set ordered = true where id = $1`, [
      endpoint,
    ]);
    await database.pool.query(`select posthorn.rename_tenant('acme', 'b')`);
    expect(await finding('subscriptions')).toMatchObject({ status: 'ok' });
  });
});

it('a trigger of subscriptions that is disabled is named', async () => {
  const table = 'posthorn.subscriptions';
  await database.pool.query(`alter table ${table} disable trigger subscription_changes`);
  try {
    expect(await finding('triggers')).toMatchObject({
      status: 'fail',
      found: 'disabled or missing: subscription_changes on subscriptions',
    });
  } finally {
    await database.pool.query(`alter table ${table} enable always trigger subscription_changes`);
  }
});

it('fan-outs that stand still are named, and those that move are counted', async () => {
  expect(await finding('fan outs')).toMatchObject({ status: 'ok', found: 'none' });
  const [event = ''] = await publishEvents(database, { tenant: '*' }, { tenant: '*' });
  expect(await finding('fan outs')).toMatchObject({ status: 'ok', found: '2 events, moving' });
  await database.pool.query(
    `update posthorn.fan_outs set published_at = now() - interval '1 hour' where event_id = $1`,
    [event],
  );
  expect(await finding('fan outs')).toMatchObject({
    status: 'fail',
    found: `1 event stands still, for up to 60 min: ${event}`,
  });
  await database.pool.query('update posthorn.fan_outs set moved_at = now()');
  expect(await finding('fan outs')).toMatchObject({ status: 'ok' });
});

it('catch-ups that stand still or do not exist are named, with what to do', async () => {
  const endpoint = await subscribedEndpoint(database);
  expect(await finding('catch ups')).toMatchObject({ status: 'ok', found: 'none' });
  await database.pool.query(`select posthorn.catch_up($1, now() - interval '1 hour')`, [endpoint]);
  expect(await finding('catch ups')).toMatchObject({ status: 'ok', found: '1 endpoint, moving' });
  await database.pool.query(`update posthorn.catch_ups set created_at = now() - interval '1 hour'`);
  expect(await finding('catch ups')).toMatchObject({
    status: 'fail',
    found: `1 endpoint stands still, for up to 60 min: ${endpoint}`,
  });
  await database.pool.query(
    `update posthorn.catch_ups set moved_at = now(), created_at = now() - interval '2 days'`,
  );
  await database.pool.query(`update posthorn.endpoints set status = 'disabled'`);
  expect(await finding('catch ups')).toMatchObject({
    status: 'warn',
    found: `1 endpoint for up to 2 days: ${endpoint}; disabled: ${endpoint}`,
  });
  await database.pool.query('delete from posthorn.catch_ups');
  expect(await finding('catch ups')).toMatchObject({
    status: 'fail',
    found: `no job for 1 endpoint that waits for one: ${endpoint}`,
    remedy: expect.stringContaining(`select posthorn.catch_up('${endpoint}'`),
  });
});

it.each([
  [59, 'ok'],
  [61, 'warn'],
  [599, 'warn'],
  [601, 'fail'],
])('a job that no worker has worked on for %i s: %s', (still_s, status) => {
  expect(judgeFanOuts([{ event_id: 'x', still_s }]).status).toBe(status);
  const catchUp = { endpoint_id: 'x', running_s: 9, still_s, is_disabled: false };
  expect(judgeCatchUps([catchUp]).status).toBe(status);
});

async function finding(check: string): Promise<Finding | undefined> {
  const findings = await examine({
    databaseUrl: database.url,
    isEmbedded: false,
    dataDir: '.',
    redisUrl: undefined,
    keyRing: undefined,
    environment: '',
  });
  return findings.find((one) => one.check === check);
}
