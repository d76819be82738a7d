import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../../harness/receiver.ts';
import { disableFailing } from '../../src/maintenance/disable.ts';
import type { Posthorn } from '../../src/posthorn.ts';
import {
  alertsOf,
  type Evaluate,
  evaluateBy,
  expectFiresOnce,
  expectResolvesOnce,
  toldOf,
} from '../support/alerts.ts';
import { createTestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { forEachTest, forFile } from '../support/world.ts';

// What goes wrong while a worker is at work. Each condition is caused for real; only what takes hours is aged.

const database = forFile(createTestDatabase);
const receiver = forEachTest(startReceiver);
const alerts = forEachTest(startReceiver);
let posthorn: Posthorn;
let evaluate: Evaluate;

beforeEach(async () => {
  await database.empty();
  posthorn = await startEngine(database, {
    env: { POSTHORN_ALERT_URL: `${alerts.url}/alerts`, POSTHORN_ALERT_SECRET: 'hidden-secret' },
    // A heartbeat says whether the way out is down.
    timings: { heartbeatMs: 200 },
  });
  evaluate = evaluateBy(posthorn, database);
});

afterEach(async () => {
  await Promise.all([receiver.close(), alerts.close()]);
  await posthorn.stop();
});

describe('the failure rate', () => {
  it('fires when a quarter of all attempts fails, and resolves when they succeed again', async () => {
    await enqueue(60);
    await attempted(60);
    failWith(500);
    await enqueue(19);
    await attempted(79);
    await evaluate();
    expect(await alertsOf(database, 'failure_rate')).toEqual([]);
    await enqueue(4);
    await attempted(83);
    const alert = await expectFiresOnce(database, { rule: 'failure_rate', evaluate });
    expect(alert).toMatchObject({
      severity: 'critical',
      summary: '28 % of 83 attempts failed within 10m.',
    });
    await staysWhenNothingIsTried('failure_rate');
    await enqueue(1);
    await attempted(84);
    await expectResolvesOnce(database, { rule: 'failure_rate', evaluate });
  });

  /** What has failed waits for a retry, so that almost nothing is tried: that is no better. */
  async function staysWhenNothingIsTried(rule: string): Promise<void> {
    await ageTallies();
    for (const _ of [1, 2]) await evaluate();
    expect(await alertsOf(database, rule)).toMatchObject([
      { state: 'firing', summary: expect.stringContaining('Nothing was tried') },
    ]);
    receiver.answer((_request, response) => response.end());
  }

  it('counts what is tried at an endpoint that never fails, for whoever looks at it', async () => {
    const endpoint = await registerEndpoint(database, { url: `${receiver.url}/well` });
    await endpoint.enqueue(5);
    await attempted(5);
    await evaluate();
    const { rows } = await database.pool.query(
      `select sum(attempts)::integer as attempts, sum(failures)::integer as failures
       from posthorn.tallies where endpoint_id = $1`,
      [endpoint.id],
    );
    expect(rows).toEqual([{ attempts: 5, failures: 0 }]);
  });

  it('says nothing of fewer than 20 attempts', async () => {
    failWith(500);
    await enqueue(19);
    await attempted(19);
    await evaluate();
    expect(await alertsOf(database, 'failure_rate')).toEqual([]);
  });

  it('does not count the alerts themselves, so that no alert is the cause of another', async () => {
    alerts.answer((_request, response) => {
      response.statusCode = 400;
      response.end();
    });
    await database.pool.query(
      `insert into posthorn.outbox (url, body) select $1, '{"alerts": []}' from generate_series(1, 40)`,
      [`${alerts.url}/alerts`],
    );
    await eventually(async () => {
      const { rows } = await database.pool.query(
        `select from posthorn.outcomes where status = 'failed'`,
      );
      return rows.length === 40;
    }, 'all of them have failed');
    await evaluate();
    expect(await alertsOf(database, 'failure_rate')).toEqual([]);
  });

  it('of one registered endpoint fires, names it, and resolves', async () => {
    const endpoint = await registerEndpoint(database, { url: `${receiver.url}/some?hidden=1` });
    failWith(500);
    await endpoint.enqueue(3);
    await attempted(3);
    receiver.answer((request, response) => {
      response.statusCode = Number(request.body.toString()) % 3 > 0 ? 400 : 200;
      response.end();
    });
    await endpoint.enqueue(30);
    await attempted(33);
    await enqueue(100);
    await attempted(133);
    const alert = await expectFiresOnce(database, { rule: 'endpoint_failure_rate', evaluate });
    expect(alert).toMatchObject({
      subject: endpoint.id,
      severity: 'warning',
      summary: `70 % of 33 attempts at ${receiver.url}/some failed within 10m.`,
    });
    await staysWhenNothingIsTried('endpoint_failure_rate');
    await endpoint.enqueue(1);
    await attempted(134);
    await expectResolvesOnce(database, { rule: 'endpoint_failure_rate', evaluate });
  });
});

describe('a breaker', () => {
  it('that is open for long fires while webhooks wait for it, and resolves with the first success', async () => {
    failWith(500);
    await enqueue(6, '/down');
    await counted(6);
    await ageBreakers('11 seconds');
    await enqueue(1, '/down');
    await eventually(async () => {
      const { rows } = await database.pool.query(
        `select from posthorn.breakers where state = 'open'`,
      );
      return rows.length === 1;
    }, 'the breaker opens');
    await evaluate();
    expect(await alertsOf(database, 'breaker_open')).toEqual([]);
    await ageBreakers('15 minutes');
    const alert = await expectFiresOnce(database, { rule: 'breaker_open', evaluate });
    expect(alert.summary).toBe(
      `${receiver.url}/down has failed for 15 minutes, 7 times in a row, last with http_500: its webhooks wait, and a probe is sent now and then.`,
    );
    receiver.answer((_request, response) => response.end());
    await database.pool.query(
      `update posthorn.breakers set open_until = now() - interval '1 second'`,
    );
    await database.pool.query(`update posthorn.queue set due_at = now()`);
    await eventually(async () => {
      const { rows } = await database.pool.query('select from posthorn.breakers');
      return rows.length === 0;
    }, 'the breaker closes');
    await expectResolvesOnce(database, { rule: 'breaker_open', evaluate });
  });

  it('of the endpoint that gets the alerts is not told there, where nobody would hear it', async () => {
    await database.pool.query(
      `insert into posthorn.outbox (url, body, send_at) values ($1, '{"alerts": []}', now() + interval '1 hour')`,
      [`${alerts.url}/alerts`],
    );
    await database.pool.query(
      `insert into posthorn.breakers (key, url, state, consecutive, failing_since, open_until)
       values (posthorn.lane_of($1), $1, 'open', 9, now() - interval '1 hour', now() + interval '1 hour')`,
      [`${alerts.url}/alerts`],
    );
    await evaluate();
    expect(await alertsOf(database, 'breaker_open')).toMatchObject([{ state: 'firing' }]);
    expect(await toldOf(database, 'breaker_open')).toEqual([]);
  });
});

it.each(['direct sends', 'events'])(
  'an endpoint whose %s fail is told of after 1, 24 and 72 hours and when it is disabled; enabling it ends that',
  async (kind) => {
    const endpoint = await registerEndpoint(database, { url: `${receiver.url}/failing` });
    failWith(503);
    if (kind === 'direct sends') await endpoint.enqueue(6);
    else {
      await database.pool.query(
        `insert into posthorn.subscriptions (endpoint_id, event_type) values ($1, '*')`,
        [endpoint.id],
      );
      await database.pool.query(
        `insert into posthorn.events (tenant, event_type, body)
       select '', 'order.paid', n::text from generate_series(1, 6) as n`,
      );
    }
    await counted(6);
    await evaluate();
    const steps: unknown[] = [];
    for (const hours of [1, 23, 48]) {
      await ageBreakers(`${hours} hours`);
      for (const _ of [1, 2]) await evaluate();
      const [alert] = await alertsOf(database, 'endpoint_failing');
      steps.push([alert?.step, alert?.severity, alert?.summary]);
    }
    const text = (time: string) =>
      `${receiver.url}/failing has had no success for ${time}, last with http_503: it is disabled after 5d.`;
    expect(steps).toEqual([
      [1, 'warning', text('60 minutes')],
      [2, 'warning', text('24 hours')],
      [3, 'warning', text('3 days')],
    ]);
    expect(await toldOf(database, 'endpoint_failing')).toEqual(['fired', 'reminded', 'reminded']);
    await ageBreakers('48 hours');
    await database.pool.query('update posthorn.breakers set consecutive = 20');
    const disabled = await disableFailing(database.pool, {
      disableAfterMs: 5 * 86_400_000,
      events: posthorn.events,
    });
    expect(disabled).toEqual([endpoint.id]);
    for (const _ of [1, 2]) await evaluate();
    expect(await alertsOf(database, 'endpoint_failing')).toMatchObject([
      {
        step: 4,
        severity: 'critical',
        state: 'firing',
        summary: `${receiver.url}/failing was disabled because it had no success for so long: its webhooks are held until it is enabled.`,
      },
    ]);
    expect(await toldOf(database, 'endpoint_failing')).toEqual([
      'fired',
      'reminded',
      'reminded',
      'reminded',
    ]);
    await endpoint.set({ status: 'active' });
    await expectResolvesOnce(database, { rule: 'endpoint_failing', evaluate });
  },
);

it('an endpoint that is disabled for answering 410 Gone is told of at once', async () => {
  const endpoint = await registerEndpoint(database, { url: `${receiver.url}/gone` });
  failWith(410);
  await endpoint.enqueue(2);
  await eventually(async () => (await endpoint.row())['status'] === 'disabled', 'it is disabled');
  const alert = await expectFiresOnce(database, { rule: 'endpoint_failing', evaluate });
  expect(alert).toMatchObject({ severity: 'critical', detail: { disabled_as: 'gone' } });
  await endpoint.set({ status: 'deleted' });
  await expectResolvesOnce(database, { rule: 'endpoint_failing', evaluate });
});

it('an outage of our own network fires, and resolves when endpoints can be reached again', async () => {
  await database.pool.query(
    `insert into posthorn.outbox (url, body)
     select 'http://127.0.0.' || n || ':1/', '{}' from generate_series(1, 12) as n`,
  );
  await egressIs('down');
  const alert = await expectFiresOnce(database, { rule: 'egress_down', evaluate });
  expect(alert).toMatchObject({
    severity: 'critical',
    summary: 'Most endpoints cannot be reached from 1 of 1 workers: breakers are frozen there.',
  });
  await database.pool.query(
    `insert into posthorn.outbox (url, tenant, body)
     select $1, 'tenant-' || n, '{}' from generate_series(1, 20) as n`,
    [receiver.url],
  );
  await egressIs('up');
  await expectResolvesOnce(database, { rule: 'egress_down', evaluate });
});

it('tells of alerts by a signed webhook that Slack can show', async () => {
  failWith(400);
  await enqueue(20);
  await attempted(20);
  await evaluate();
  await alerts.until((requests) => requests.length === 1);
  const [request] = alerts.requests;
  expect(request?.headers['x-webhook-signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
  expect(JSON.parse(String(request?.body))).toEqual({
    text: '[critical] 100 % of 20 attempts failed within 10m. (failure_rate)',
    type: 'posthorn.alerts',
    count: 1,
    alerts: [
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        event: 'fired',
        rule: 'failure_rate',
        subject: '',
        severity: 'critical',
        summary: '100 % of 20 attempts failed within 10m.',
        detail: { attempts: 20, failures: 20, percent: 25 },
        fired_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        resolved_at: null,
      },
    ],
  });
});

async function egressIs(state: 'down' | 'up'): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query<{ isDown: boolean }>(
      `select egress_down_since is not null as "isDown" from posthorn.workers`,
    );
    return rows[0]?.isDown === (state === 'down');
  }, `a heartbeat says that the way out is ${state}`);
}

function failWith(statusCode: number): void {
  receiver.answer((_request, response) => {
    response.statusCode = statusCode;
    response.end();
  });
}

async function enqueue(count: number, path = ''): Promise<void> {
  // Without a path each goes to a lane of its own, so that no breaker stops it.
  await database.pool.query(
    `insert into posthorn.outbox (url, body)
     select $1 || case when $2 = '' then '/' || gen_random_uuid() else $2 end, '{}' from generate_series(1, $3)`,
    [receiver.url, path, count],
  );
}

/** Waits until that many attempts are recorded, those at the alerts' own endpoint apart. */
async function attempted(count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query<{ count: number }>(
      `select count(*)::integer as count
       from posthorn.attempts as a
       join posthorn.outbox as o on o.id = a.webhook_id
       where a.finished_at is not null and o.url is distinct from $1`,
      [`${alerts.url}/alerts`],
    );
    return (rows[0]?.count ?? 0) >= count;
  }, `${count} attempts are recorded`);
}

/** Waits until the breaker has counted that many failures in a row, which comes after the attempts are recorded. */
async function counted(count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query<{ consecutive: number }>(
      'select consecutive from posthorn.breakers',
    );
    return rows[0]?.consecutive === count;
  }, `${count} failures are counted`);
}

async function ageTallies(): Promise<void> {
  await database.pool.query(
    `update posthorn.tallies set counted_at = counted_at - interval '1 hour'`,
  );
}

async function ageBreakers(by: string): Promise<void> {
  await database.pool.query(
    `update posthorn.breakers set failing_since = failing_since - $1::interval`,
    [by],
  );
}
