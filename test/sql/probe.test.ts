import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Breakers } from '../../src/deliver/breakers.ts';
import type { ClaimedWebhook } from '../../src/deliver/claim.ts';
import type { BreakerNews } from '../../src/domain/breaker.ts';
import { createEvents } from '../../src/events.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type EndpointSettings, registerEndpoint } from '../support/endpoints.ts';
import { runFile } from '../support/rows.ts';

// Which webhook is the probe of a lane, and who may send the next one when this one was never sent, or said nothing.

let database: TestDatabase;
let breakers: Breakers;

beforeAll(async () => {
  database = await createTestDatabase();
  breakers = new Breakers({
    pool: database.pool,
    events: createEvents(),
    log: createLog('silent'),
  });
});
afterAll(() => database.drop());

beforeEach(() => database.empty());

describe('a probe that is not sent', () => {
  it('leaves its lane free, when the only webhook is locked by somebody', async () => {
    await openLanes(1);
    const holder = await database.pool.connect();
    await holder.query('begin; select from posthorn.queue for update');
    expect(await probes(1)).toEqual([]);
    await holder.query('rollback');
    holder.release();
    const [row] = await breakerRows();
    expect(row).toMatchObject({ is_leased: false });
    // Soon, but after the others.
    expect(row?.ripe_in_s).toBeGreaterThan(3);
    expect(row?.ripe_in_s).toBeLessThan(6);
  });

  it('leaves the turn to another webhook, when the first one is locked by somebody', async () => {
    await openLanes(1, { webhooks: 2 });
    const holder = await database.pool.connect();
    await holder.query('begin; select from posthorn.queue order by due_at limit 1 for update');
    const [probe] = await probes(1);
    await holder.query('rollback');
    holder.release();
    const { rows } = await database.pool.query(
      'select webhook_id from posthorn.queue order by due_at',
    );
    expect(probe?.webhookId).toBe(rows[1]?.webhook_id);
  });

  it('may be sent by another worker at once, when it was given back', async () => {
    await openLanes(1);
    const [probe] = await probes(1);
    await runFile(database, 'give-back', {
      webhookIds: [probe?.webhookId],
      numbers: [probe?.number],
      workerNumber: 1,
    });
    expect(await probes(2)).toHaveLength(1);
  });

  it('may be sent by another worker at once, when its worker died or does not know of it', async () => {
    await openLanes(1);
    await probes(1);
    await runFile(database, 'rescue', { workerNumber: 1, keptIds: [] });
    expect(await probes(2)).toHaveLength(1);
  });

  it('is not sent a second time while its worker lives on under another number', async () => {
    await openLanes(1, { webhooks: 2 });
    const [probe] = await probes(1);
    await runFile(database, 'rescue', { workerNumber: 1, keptIds: [probe?.webhookId] });
    expect(await probes(2)).toEqual([]);
  });
});

describe('a probe that said nothing about its lane', () => {
  it('begins the same interval anew, and others have their turn', async () => {
    await openLanes(25);
    const first = await probes(1);
    expect(first).toHaveLength(20);
    await breakers.count(first.map((probe) => released(probe)));
    const second = await probes(1);
    expect(second).toHaveLength(5);
    const seen = new Set([...first, ...second].map(({ lane }) => lane));
    expect(seen.size).toBe(25);
    await breakers.count(second.map((probe) => released(probe)));
    for (const row of await breakerRows()) {
      expect(row).toMatchObject({ state: 'open', trips: 2, is_leased: false });
      // 60 s, as the breaker has opened twice, and 20 % either way.
      expect(row.ripe_in_s).toBeGreaterThan(45);
      expect(row.ripe_in_s).toBeLessThan(73);
    }
  });
});

it('a probe whose lease ran out changes nothing beside the next one', async () => {
  await openLanes(1, { webhooks: 2 });
  const [late] = await probes(1);
  await database.pool.query(`update posthorn.breakers set probe_until = now() - interval '1 s'`);
  const [next] = await probes(1);
  if (late === undefined || next === undefined) throw new Error('no probes');
  const before = await breakerRows();
  await breakers.count([failed(late)]);
  await breakers.count([released(late)]);
  expect(await breakerRows()).toMatchObject(
    before.map(({ trips, is_leased }) => ({ trips, is_leased })),
  );
  await breakers.count([failed(next)]);
  expect(await breakerRows()).toMatchObject([{ trips: 3, is_leased: false }]);
});

describe('in an ordered lane', () => {
  it('no probe overtakes the first webhook, whoever is sending that', async () => {
    await openEndpoint({ ordered: true });
    await database.pool.query(
      `update posthorn.queue set leased_by = 2, lease_until = now() + interval '1 minute'
       where webhook_id = (select webhook_id from posthorn.queue order by due_at limit 1)`,
    );
    expect(await probes(1)).toEqual([]);
    expect(await breakerRows()).toMatchObject([{ is_leased: false }]);
  });

  it('of webhooks that are due at the same time the probe is the one that the claim would take', async () => {
    await openEndpoint({ ordered: true });
    await database.pool.query(
      `with sent as (delete from posthorn.queue returning *)
       insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
       select webhook_id, outbox_id, lane, priority, now() from sent order by webhook_id desc`,
    );
    const [probe] = await probes(1);
    const { rows } = await database.pool.query(
      'select min(webhook_id::text) as first from posthorn.queue',
    );
    expect(probe?.webhookId).toBe(rows[0]?.first);
  });
});

function probes(workerNumber: number): Promise<ClaimedWebhook[]> {
  return breakers.takeProbes({ workerNumber, limit: 20, leaseS: 120, probeLanes: [] });
}

/** Lanes whose breakers are open and due for a probe. */
async function openLanes(lanes: number, { webhooks = 1 } = {}): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, body)
     select 'http://' || n || '.example/', '{}' from generate_series(1, $1) as n, generate_series(1, $2)`,
    [lanes, webhooks],
  );
  await openAll();
}

async function openEndpoint(settings: EndpointSettings): Promise<void> {
  const endpoint = await registerEndpoint(database, { url: 'http://a.example/', ...settings });
  await endpoint.enqueue(3);
  await openAll();
}

async function openAll(): Promise<void> {
  await database.pool.query(
    `insert into posthorn.breakers (key, url, state, consecutive, trips, open_until)
     select distinct lane, 'http://a.example/', 'open'::posthorn.breaker_state, 9, 2, now()
     from posthorn.queue`,
  );
}

async function breakerRows(): Promise<
  { state: string; trips: number; is_leased: boolean; ripe_in_s: number }[]
> {
  const { rows } = await database.pool.query(
    `select state, trips, probe_until is not null as is_leased,
       extract(epoch from open_until - clock_timestamp())::float8 as ripe_in_s
     from posthorn.breakers`,
  );
  return rows;
}

function released({ lane, webhookId, number }: ClaimedWebhook): BreakerNews {
  return {
    key: lane,
    url: 'http://a.example/',
    isOrigin: false,
    failures: 0,
    hasRefused: true,
    onlyLane: null,
    succeeded: false,
    probeSucceeded: false,
    probes: [{ webhookId, number, failed: false }],
    error: null,
    pauseS: null,
  };
}

function failed(probe: ClaimedWebhook): BreakerNews {
  const news = released(probe);
  return { ...news, failures: 1, probes: news.probes.map((ended) => ({ ...ended, failed: true })) };
}
