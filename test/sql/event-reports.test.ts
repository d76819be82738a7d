import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { canRunPsql } from '../../harness/can-run.ts';
import { createTestDatabase } from '../support/database.ts';
import { publishEvents, subscribedEndpoint, webhookOf } from '../support/event-rows.ts';
import { ask } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// What the reports of sql/history say about events and their webhooks, run by psql.

const folder = fileURLToPath(new URL('../../sql/history/', import.meta.url));
const hasPsql = canRunPsql('the reports of events');
const database = forFile(createTestDatabase);

const all = (statement: string, values: unknown[] = []) => ask(database, statement, values);

/** Why each endpoint received an event or did not, by the endpoint. */
async function reasons(event: string): Promise<Record<string, string | null>> {
  const rows = await all('select endpoint_id, why from posthorn.explain_event($1)', [event]);
  return Object.fromEntries(rows.map(({ endpoint_id: id, why }) => [String(id), why as string]));
}

describe('explain_event()', () => {
  it('says of each endpoint of the tenant why it did not receive the event, as of the time of the event', async () => {
    const tenant = 'reasons';
    const subscribe = (to: string, filter: string | null = null) =>
      subscribedEndpoint(database, { tenant, to, filter });
    const none = await subscribedEndpoint(database, { tenant, to: null });
    const other = await subscribe('invoice.*');
    const no = await subscribe('order.*', '$.total > 1000');
    const unfit = await subscribe('order.*', '$.total > "x"');
    const two = await subscribe('order.*', '$.total > 1000');
    const ended = await subscribe('*');
    const disabled = await subscribe('*');
    const declined = await subscribe('*');
    const receives = await subscribe('*');
    const gaveUp = await subscribe('*');
    // Of several subscriptions, the one that was in force is shown, and rather one that says no.
    const changed = await subscribe('*');
    const several = await subscribe('order.*', '$.total > "x"');
    await subscribedEndpoint(database, { tenant: 'somebody else', to: '*' });
    const end = (endpoint: string) =>
      all('update posthorn.subscriptions set ended_at = now() where endpoint_id = $1', [endpoint]);
    await end(ended);
    await end(changed);
    await all(
      `insert into posthorn.subscriptions (endpoint_id, event_type, filter)
       values ($1, 'order.paid', '$.total > 100'), ($2, '*', '$.total > 1000'), ($3, '*', '$.total > 1000')`,
      [two, changed, several],
    );
    await all(`update posthorn.endpoints set status = 'disabled' where id in ($1, $2, $3)`, [
      disabled,
      declined,
      gaveUp,
    ]);
    const [event = ''] = await publishEvents(database, { tenant, body: '{"total": 500}' });
    const later = await subscribe('*');
    await end(two);
    await end(gaveUp);
    await end(several);
    await database.pool.query(
      `begin;
       set local posthorn.catch_up = 'off';
       update posthorn.endpoints set status = 'active' where id = '${declined}';
       commit`,
    );
    expect(await reasons(event)).toEqual({
      [none]: 'no_subscription',
      [other]: 'no_subscription',
      [no]: 'filter_is_false',
      [unfit]: 'filter_has_no_answer',
      // Its webhook waits; the subscription has ended since.
      [two]: 'slot',
      [ended]: 'subscription_ended',
      [disabled]: 'disabled',
      [declined]: 'not_added',
      [receives]: 'slot',
      [gaveUp]: 'subscription_ended',
      [changed]: 'filter_is_false',
      [several]: 'filter_is_false',
      [later]: 'subscribed_later',
    });
    await all(`update posthorn.endpoints set status = 'active' where id = $1`, [disabled]);
    expect((await reasons(event))[disabled]).toBe('catching_up');
    const [text = ''] = await publishEvents(database, { tenant, body: 'no JSON' });
    expect((await reasons(text))[no]).toBe('body_is_not_json');
  });

  it('shows the state of each webhook, also of endpoints that went to another tenant or were deleted', async () => {
    const tenant = 'states';
    const [failed, waiting, gone] = await Promise.all(
      [1, 2, 3].map(() =>
        subscribedEndpoint(database, { tenant, url: 'http://x.example/?hidden' }),
      ),
    );
    const [event = ''] = await publishEvents(database, { tenant });
    const id = await webhookOf(database, { event, endpoint: failed ?? '' });
    await all(
      `with ended as (delete from posthorn.queue where webhook_id = $1 returning webhook_id, outbox_id, lane)
       insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, last_status_code, reason)
       select webhook_id, outbox_id, lane, 'failed', 6, 503, 'http_503' from ended`,
      [id],
    );
    await all(`update posthorn.endpoints set status = 'deleted' where id = $1`, [gone]);
    await all(`select posthorn.rename_tenant('states', 'renamed')`);
    const rows = await all(
      `select tenant, endpoint_id, url, webhook_id, status, attempts, last_status_code, why
       from posthorn.explain_event($1)`,
      [event],
    );
    expect(rows.find((row) => row['webhook_id'] === id)).toEqual({
      tenant: 'renamed',
      endpoint_id: failed,
      url: 'http://x.example/',
      webhook_id: id,
      status: 'failed',
      attempts: 6,
      last_status_code: 503,
      why: 'http_503',
    });
    const statuses = Object.fromEntries(rows.map((row) => [row['endpoint_id'], row['status']]));
    expect(statuses).toEqual({
      [failed ?? '']: 'failed',
      [waiting ?? '']: 'pending',
      [gone ?? '']: 'pending',
    });
  });

  it('says that a job is still adding the webhooks of a broadcast, at whatever tenant', async () => {
    const one = await subscribedEndpoint(database, { tenant: 'far', to: 'news.*' });
    const [event = ''] = await publishEvents(database, { tenant: '*', type: 'news.today' });
    expect((await reasons(event))[one]).toBe('being_added');
    await all('select posthorn.fan_out($1, 1000)', [event]);
    expect((await reasons(event))[one]).toBe('slot');
    await all('delete from posthorn.fan_outs');
  });

  it('says nothing of a webhook that is no event’s, or of an id that is unknown', async () => {
    const [sent] = await all(
      `insert into posthorn.outbox (url, body) values ('http://x.example', '') returning id`,
    );
    expect(await reasons(String(sent?.['id']))).toEqual({});
    expect(await reasons('0199c0de-0000-7000-8000-000000000001')).toEqual({});
  });
});

describe.skipIf(!hasPsql)('the report', () => {
  let endpoint = '';
  let event = '';
  let webhook = '';

  beforeAll(async () => {
    const url = 'https://acme.example/hook?hidden-query';
    endpoint = await subscribedEndpoint(database, { url, to: 'order.*' });
    await subscribedEndpoint(database, { url: 'https://idle.example/?hidden-query', to: null });
    [event = ''] = await publishEvents(database, { body: '"hidden-body"' });
    webhook = await webhookOf(database, { event, endpoint });
    const [lane] = await all('select posthorn.lane_of($1::uuid)::text as lane', [endpoint]);
    await all(
      `insert into posthorn.attempts (webhook_id, number, worker, finished_at, status_code, duration_ms)
       values ($1, 1, 7, clock_timestamp(), 422, 10)`,
      [webhook],
    );
    await all(
      `insert into posthorn.former_outcomes
         (webhook_id, outbox_id, lane, finished_at, status, attempts, reason)
       values ($1, $2, $3, now(), 'failed', 1, 'http_422')`,
      [webhook, event, lane?.['lane']],
    );
  });

  it('event shows the event, who received it, and why the others did not', () => {
    const rows = report('event', { id: event });
    expect(rows[0]?.slice(1)).toEqual(['order.paid', 'acme', '1', '13', 'application/json', '']);
    expect(rows.slice(1).map((row) => row.slice(0, 5))).toEqual([
      ['acme', 'https://idle.example/', '', 'no_subscription', ''],
      ['acme', 'https://acme.example/hook', 'pending', 'slot', '0'],
    ]);
    expect(rows[2]?.slice(-2)).toEqual([endpoint, webhook]);
    expect(report('event', { id: event, rows: '1' })).toHaveLength(2);
    expect(JSON.stringify(rows)).not.toContain('hidden');
  });

  it('why-not-delivered accepts a webhook of an event, and says of an event what became of it', async () => {
    expect(why(webhook)).toMatch(/^It has been due for .* no worker is alive/);
    await all(`update posthorn.endpoints set status = 'paused' where id = $1`, [endpoint]);
    expect(why(webhook)).toMatch(/^Its endpoint https:\/\/acme\.example\/hook has been paused/);
    await all(`update posthorn.endpoints set status = 'active' where id = $1`, [endpoint]);
    expect(why(event)).toBe(
      `The event order.paid of acme went to 1 endpoint: 0 delivered, 0 failed, 0 cancelled, 1 not finished. "posthorn report event --id ${event}" shows each.`,
    );
    const [unmatched = '', broadcast = ''] = await publishEvents(
      database,
      { type: 'invoice.paid' },
      { tenant: '*', type: 'invoice.paid' },
    );
    expect(why(unmatched)).toMatch(/^No endpoint received the event invoice\.paid of acme: /);
    expect(why(broadcast)).toMatch(
      /^The event invoice\.paid of all tenants goes to so many endpoints that a job adds its webhooks: 0 so far\.$/,
    );
    await all('delete from posthorn.fan_outs');
    expect(why(broadcast)).toMatch(/^It was never enqueued: /);
  });

  it('why-not-delivered says that an ordered endpoint first receives what it missed', async () => {
    await all('update posthorn.endpoints set ordered = true where id = $1', [endpoint]);
    await all(`update posthorn.endpoints set status = 'disabled' where id = $1`, [endpoint]);
    await all(`update posthorn.endpoints set status = 'active' where id = $1`, [endpoint]);
    try {
      expect(why(webhook)).toMatch(
        /^Its endpoint https:\/\/acme\.example\/hook takes webhooks in order and first receives/,
      );
      expect(report('endpoints').map((row) => row.slice(1, 4))).toContainEqual([
        'https://acme.example/hook',
        'acme',
        'catching_up',
      ]);
    } finally {
      await all('select posthorn.cancel_catch_up($1)', [endpoint]);
      await all('update posthorn.endpoints set ordered = false where id = $1', [endpoint]);
    }
  });

  it('endpoints shows one that catches up without being in order', async () => {
    await all(`update posthorn.endpoints set status = 'disabled' where id = $1`, [endpoint]);
    await all(`update posthorn.endpoints set status = 'active' where id = $1`, [endpoint]);
    expect(report('endpoints').find(([id]) => id === endpoint)?.[3]).toBe('catching_up');
    await all('select posthorn.cancel_catch_up($1)', [endpoint]);
    expect(report('endpoints').find(([id]) => id === endpoint)).toBeUndefined();
  });

  it('webhook, backlog, slow-endpoints, failed and failures find the endpoint of a webhook of an event', async () => {
    const url = 'https://acme.example/hook';
    expect(report('webhook', { id: webhook }).map((row) => row[2])).toContain(
      `POST ${url}, priority normal, application/json, 13 bytes, event order.paid, tenant acme`,
    );
    expect(
      report('backlog')
        .find((row) => row[0] === url)
        ?.slice(1, 3),
    ).toEqual(['acme', '1']);
    expect(
      report('slow-endpoints')
        .find((row) => row[0] === url)
        ?.slice(1, 3),
    ).toEqual(['acme', '1']);
    await all(
      `with ended as (delete from posthorn.queue where webhook_id = $1 returning webhook_id, outbox_id, lane)
       insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, last_status_code, reason)
       select webhook_id, outbox_id, lane, 'failed', 1, 422, 'http_422' from ended`,
      [webhook],
    );
    expect(
      report('failed')
        .find((row) => row[1] === webhook)
        ?.slice(2, 7),
    ).toEqual([url, 'acme', 'order.paid', '1', 'http_422']);
    expect(
      report('failures')
        .find((row) => row[0] === 'http_422')
        ?.slice(4, 6),
    ).toEqual([webhook, url]);
    expect(why(webhook)).toMatch(/HTTP 422, and http_422 is not retried\.$/);
    expect(why(event)).toMatch(/went to 1 endpoint: 0 delivered, 1 failed/);
  });
});

function why(id: string): string | undefined {
  return report('why-not-delivered', { id })[0]?.[0];
}

/** The rows of a report, without headers. */
function report(name: string, variables: Record<string, string> = {}): string[][] {
  const settings = Object.entries(variables).flatMap(([key, value]) => ['-v', `${key}=${value}`]);
  const { stdout, stderr } = spawnSync(
    'psql',
    [database.url, '-X', '-A', '-t', '-F', '\t', ...settings, '-f', `${folder}${name}.sql`],
    { encoding: 'utf8', env: { ...process.env, PGTZ: 'UTC' } },
  );
  expect(stderr).toBe('');
  const lines = stdout.split('\n').slice(0, -1);
  return lines.map((line) => line.split('\t'));
}
