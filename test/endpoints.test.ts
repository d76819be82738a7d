import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { disableFailing } from '../src/maintenance/disable.ts';
import { prune } from '../src/maintenance/prune.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { createTestDatabase } from './support/database.ts';
import { registerEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { forEachTest, forFile } from './support/world.ts';

// Registered endpoints: their settings reach the request, and what holds them holds every worker. Two workers.

const database = forFile(createTestDatabase);
let engines: (Posthorn & AsyncDisposable)[];

beforeEach(async () => {
  await database.empty();
  engines = await Promise.all([startEngine(database), startEngine(database)]);
});

afterEach(() => Promise.all(engines.map((engine) => engine.stop())));

// Closes before the engines stop.
const receiver = forEachTest(startReceiver);

describe('the settings of an endpoint', () => {
  it('give a webhook its address and its signature; its own secret goes first', async () => {
    const endpoint = await registerEndpoint(database, {
      url: `${receiver.url}/hook?tenant=7`,
      secret: 'the endpoint',
    });
    await endpoint.enqueue(1);
    await database.pool.query(
      `insert into posthorn.outbox (endpoint_id, body, secret) values ($1, 'own', 'the webhook')`,
      [endpoint.id],
    );
    await receiver.until((requests) => requests.length === 2);
    for (const { path, headers, body } of receiver.requests) {
      expect(path).toBe('/hook?tenant=7');
      const [, timestamp, signature] =
        /^t=(\d+),v1=([0-9a-f]+)$/.exec(String(headers['x-webhook-signature'])) ?? [];
      const secret = body.toString() === 'own' ? 'the webhook' : 'the endpoint';
      expect(signature).toBe(
        createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex'),
      );
    }
  });

  it('apply to what waits already when they are changed', async () => {
    const endpoint = await registerEndpoint(database, {
      url: 'http://127.0.0.1:9/',
      status: 'paused',
    });
    await endpoint.enqueue(3);
    await endpoint.set({ url: `${receiver.url}/new`, status: 'active' });
    await receiver.until((requests) => requests.length === 3);
  });

  it('say how long a request may take and when it is tried again', async () => {
    receiver.answer(() => {});
    const endpoint = await registerEndpoint(database, {
      url: receiver.url,
      timeout_ms: 300,
      retry_schedule_s: [1],
    });
    await endpoint.enqueue(1);
    const failed = await eventually(async () => {
      const { rows } = await database.pool.query(
        `select reason, attempts from posthorn.outcomes where status = 'failed'`,
      );
      return rows[0];
    }, 'the second attempt was the last');
    expect(failed).toEqual({ reason: 'timeout', attempts: 2 });
    // By the clocks of those who count, which a busy machine does not confuse. The usual ones are 10 s and a minute.
    const { rows } = await database.pool.query<{ took: number; waited: boolean | null }>(
      `select duration_ms as took, started_at - lag(finished_at) over (order by number) >= interval '1 second' as waited
       from posthorn.attempts
       order by number`,
    );
    expect(rows.map(({ waited }) => waited)).toEqual([null, true]);
    for (const { took } of rows) {
      expect(took).toBeGreaterThan(290);
      expect(took).toBeLessThan(8_000);
    }
  });

  it('are refused by a constraint named for its rule', async () => {
    const url = 'https://example.com/';
    for (const [column, value, constraint] of [
      ['url', 'ftp://example.com', 'endpoints_url_is_http'],
      ['description', 'x'.repeat(1_025), 'endpoints_description_is_at_most_1_kib'],
      ['secret', '', 'endpoints_secret_is_1_to_512_bytes'],
      ['secret', 'whsec_short', 'endpoints_secret_is_base64_after_whsec'],
      ['max_in_flight', 0, 'endpoints_max_in_flight_is_1_to_10000'],
      ['rate_limit_per_s', 0, 'endpoints_rate_limit_per_s_is_0_001_to_10000'],
      ['rate_limit_per_s', 'NaN', 'endpoints_rate_limit_per_s_is_0_001_to_10000'],
      ['timeout_ms', 60_001, 'endpoints_timeout_ms_is_100_to_60000'],
      ['retry_schedule_s', [-1], 'endpoints_retry_schedule_s_is_0_to_99_delays_of_at_most_30_days'],
      [
        'retry_schedule_s',
        '{null}',
        'endpoints_retry_schedule_s_is_0_to_99_delays_of_at_most_30_days',
      ],
      [
        'retry_schedule_s',
        '{{1}}',
        'endpoints_retry_schedule_s_is_0_to_99_delays_of_at_most_30_days',
      ],
    ] as const) {
      await expect(
        registerEndpoint(database, {
          url,
          [column]: typeof value === 'object' ? [...value] : value,
        }),
      ).rejects.toMatchObject({ code: '23514', constraint });
    }
  });
});

describe('an endpoint that is held', () => {
  it.each(['paused', 'disabled'])(
    'gets nothing while it is %s, and then all of it, in order',
    async (status) => {
      const endpoint = await registerEndpoint(database, { url: receiver.url, max_in_flight: 1 });
      await endpoint.set({ status });
      await endpoint.enqueue(30);
      await provesIdle();
      expect(receiver.requests).toHaveLength(0);
      const { rows } = await database.pool.query(
        `select distinct status, waits_for, next_attempt_at
         from posthorn.webhooks where endpoint_id is not null`,
      );
      expect(rows).toEqual([
        { status: 'pending', waits_for: `endpoint_${status}`, next_attempt_at: null },
      ]);
      await endpoint.set({ status: 'active' });
      await receiver.until((requests) => requests.length === 30);
      const bodies = receiver.requests.map(({ body }) => Number(body.toString()));
      expect(bodies).toEqual(bodies.toSorted((a, b) => a - b));
    },
  );

  it('is not written to for what waits, nor probed', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url });
    await endpoint.enqueue(1);
    await provesIdle();
    expect(receiver.requests).toHaveLength(1);
    await endpoint.set({ status: 'disabled' });
    await endpoint.enqueue(100);
    await database.pool.query(
      `insert into posthorn.breakers (key, url, state, consecutive, trips, open_until)
       select lane, url, 'open', 9, 1, now() - interval '1 minute' from posthorn.endpoints`,
    );
    const versions = () =>
      database.pool
        .query(
          `select q.webhook_id, q.xmin, q.ctid::text
           from posthorn.queue as q
           join posthorn.endpoints using (lane)
           order by q.webhook_id`,
        )
        .then(({ rows }) => rows);
    const before = await versions();
    await provesIdle();
    expect(await versions()).toEqual(before);
    expect(receiver.requests).toHaveLength(1);
    // Enabling begins anew: what the breaker had against it is forgotten.
    await endpoint.set({ status: 'active' });
    await receiver.until((requests) => requests.length === 101);
  });

  it('that is deleted fails what waits, and says so', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url, status: 'paused' });
    await endpoint.enqueue(5);
    await endpoint.set({ status: 'deleted' });
    await eventually(async () => {
      const { rows } = await database.pool.query(
        `select count(*)::integer as failed from posthorn.webhooks
         where status = 'failed' and reason = 'endpoint_deleted' and url = $1`,
        [receiver.url],
      );
      return rows[0].failed === 5;
    }, 'all are failed');
    expect(receiver.requests).toHaveLength(0);
    await expect(endpoint.enqueue(1)).rejects.toMatchObject({
      code: '23503',
      constraint: 'outbox_endpoint_id_is_registered',
    });
    await database.pool.query(
      `alter table posthorn.endpoints disable trigger user;
       update posthorn.endpoints set status_since = now() - interval '40 days';
       alter table posthorn.endpoints enable trigger user`,
    );
    expect(await prune(database.pool, { retentionMs: 30 * 86_400_000 })).toMatchObject({
      forgottenEndpoints: 1,
    });
  });
});

describe('an endpoint is disabled', () => {
  it('with the second 410 since its last success; what waits is held', async () => {
    const answers = [410, 200, 410, 410];
    receiver.answer((_request, response) => {
      response.statusCode = answers.shift() ?? 200;
      response.end();
    });
    const endpoint = await registerEndpoint(database, { url: receiver.url, ordered: true });
    const disabled = Promise.race(engines.map(({ events }) => once(events, 'endpointsDisabled')));
    await endpoint.enqueue(6);
    expect(await disabled).toEqual([{ ids: [endpoint.id], reason: 'gone' }]);
    expect(await endpoint.row()).toMatchObject({ status: 'disabled', status_reason: 'gone' });
    await provesIdle();
    const { rows } = await database.pool.query(
      `select status from posthorn.webhooks where endpoint_id is not null order by id`,
    );
    expect(rows.map(({ status }) => status)).toEqual([
      'failed',
      'delivered',
      'failed',
      'failed',
      'pending',
      'pending',
    ]);
    await endpoint.set({ status: 'active' });
    await eventually(async () => {
      const left = await database.pool.query('select from posthorn.queue');
      return left.rowCount === 0;
    }, 'what was held is sent');
    expect(await endpoint.row()).toMatchObject({ status: 'active', gone_answers: 0 });
  });

  it('after five days without a success, not after four', async () => {
    const endpoint = await registerEndpoint(database, { url: receiver.url });
    await database.pool.query(
      `insert into posthorn.breakers (key, url, state, consecutive, trips, failing_since, open_until)
       select lane, url, 'open', 20, 9, now() - interval '4 days', now() + interval '1 hour'
       from posthorn.endpoints`,
    );
    const events = engines[0]?.events;
    if (events === undefined) throw new Error('no engine');
    const disable = () => disableFailing(database.pool, { disableAfterMs: 5 * 86_400_000, events });
    expect(await disable()).toEqual([]);
    await database.pool.query(
      `update posthorn.breakers set failing_since = now() - interval '5 days', consecutive = 19`,
    );
    expect(await disable()).toEqual([]);
    await database.pool.query('update posthorn.breakers set consecutive = 20');
    expect(await disable()).toEqual([endpoint.id]);
    expect(await endpoint.row()).toMatchObject({ status: 'disabled', status_reason: 'failing' });
    expect(await disable()).toEqual([]);
  });
});

/** Both workers have looked at the queue: what was enqueued before is sent, or is not going to be. */
async function provesIdle(): Promise<void> {
  const sentinel = await startReceiver();
  // The first may have begun before, and the second found a lane that the third claims.
  const claims = engines.map(() => 0);
  const stopCounting = engines.map(({ events }, at) => {
    const count = () => {
      claims[at] = (claims[at] ?? 0) + 1;
    };
    events.on('claimed', count);
    return () => events.off('claimed', count);
  });
  let round = 0;
  await eventually(async () => {
    round += 1;
    // Each wakes both, and is claimed by one.
    await database.pool.query(`insert into posthorn.outbox (url, body) values ($1, '{}')`, [
      `${sentinel.url}/${round}`,
    ]);
    await sentinel.until((requests) => requests.length === round);
    return claims.every((count) => count >= 3);
  }, 'both workers have claimed three times');
  for (const stop of stopCounting) stop();
  await eventually(async () => {
    const left = await database.pool.query(
      'select from posthorn.queue where leased_by is not null',
    );
    return left.rowCount === 0;
  }, 'the last one is recorded');
  await sentinel.close();
}
