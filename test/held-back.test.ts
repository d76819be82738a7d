import { beforeEach, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import type { HeldBackRow } from '../src/queries/held-back.ts';
import { runHere } from './support/command-here.ts';
import { createTestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { plantWorker, reported } from './support/held-worker.ts';
import { ask } from './support/rows.ts';
import { forEachTest, forFile } from './support/world.ts';

// What psql, the API and the command line say is held back, while a worker is at it.

const database = forFile(createTestDatabase);
beforeEach(() => database.empty());
const engine = forEachTest(() =>
  startEngine(database, { api: true, timings: { heartbeatMs: 100 } }),
);
// Closes before the engine stops.
const receiver = forEachTest(startReceiver);

const heldBack = () =>
  ask<Omit<HeldBackRow, 'since'> & { since: Date }>(database, 'select * from posthorn.held_back');

/** What the worker has said of itself, but for when. */
const worker = async () => {
  const [row] = await ask(
    database,
    `select to_jsonb(w) - 'seen_at' as said, seen_at from posthorn.workers as w`,
  );
  return row ?? {};
};

/** A webhook to each of so many paths. */
async function enqueue({ paths, tenant = '' }: { paths: number; tenant?: string }): Promise<void> {
  await database.pool.query(
    `insert into posthorn.outbox (url, tenant, body)
     select $1 || '/' || n || '?token=secret', $2, '{}' from generate_series(1, $3::integer) as n`,
    [receiver.url, tenant, paths],
  );
}

it('says nothing of an idle worker, whose heartbeats change nothing but their time', async () => {
  const before = await worker();
  const beats = new Set([String(before['seen_at'])]);
  await eventually(async () => {
    const now = await worker();
    expect(now['said']).toEqual(before['said']);
    beats.add(String(now['seen_at']));
    return beats.size > 3;
  }, 'three heartbeats');
  expect(before['said']).toMatchObject({ held_back: [] });
  expect(await heldBack()).toEqual([]);
});

it('says of a host that hangs, with 400 paths, that it gives no answer; and nothing once it answers', async () => {
  const held: (() => void)[] = [];
  receiver.answer((_request, response) => held.push(() => response.end()));
  await enqueue({ paths: 400 });
  const row = await eventually(async () => {
    const [one] = await heldBack();
    return one?.reason === 'no_answer' && one;
  }, 'it is held back');
  const { since, ...rest } = row;
  expect(rest).toEqual({
    ...{ level: 'origin', name: receiver.url, tenant: null, endpoint_id: null, until: null },
    ...{ reason: 'no_answer', in_flight: 16, slots: 16, last_error: null, worker: 1 },
  });
  expect(Date.now() - since.getTime()).toBeGreaterThan(1_000);
  const told = { ...row, since: since.toISOString() };
  const answer = await fetch(`${engine.address}/held-back`);
  expect(await answer.json()).toEqual({ held_back: [told], more: false });
  const env = { DATABASE_URL: database.url };
  const json = await runHere(['held-back', '--json'], env);
  expect(JSON.parse(json.stdout)).toEqual({ held_back: [told], more: false });
  const { stdout } = await runHere(['held-back'], env);
  expect(stdout).toMatch(/^LEVEL +REASON .*\norigin +no_answer .* 16 of 16 on worker 1 /);
  expect(stdout).toContain(receiver.url);
  const [webhook] = await ask(
    database,
    `select distinct waits_for from posthorn.webhooks where status = 'pending'`,
  );
  expect(webhook).toEqual({ waits_for: 'origin_slots' });
  receiver.answer((_request, response) => response.end());
  for (const free of held) free();
  await eventually(async () => (await heldBack()).length === 0, 'nothing is held back');
  expect((await runHere(['held-back'], env)).stdout).toBe('Nothing is held back.\n');
});

it('says it of a tenant, whose other origins wait with it', async () => {
  receiver.answer(() => {});
  await enqueue({ paths: 40, tenant: 'acme' });
  const rows = await eventually(async () => {
    const found = await heldBack();
    return found.some(({ reason }) => reason === 'no_answer') && found;
  }, 'it is held back');
  expect(rows.find(({ level }) => level === 'tenant')).toMatchObject({
    name: 'acme',
    tenant: 'acme',
    in_flight: 16,
  });
  const waiting = await ask(
    database,
    `select distinct waits_for from posthorn.webhooks where status = 'pending'`,
  );
  expect(waiting).toEqual([{ waits_for: 'tenant_slots' }]);
});

it('names a tenant with limits also while nothing of it is in flight and what waited is gone', async () => {
  const [tenant] = await ask<{ key: string }>(
    database,
    `insert into posthorn.tenants (id, rate_limit_per_s) values ('acme', 1) returning key::text`,
  );
  const since = new Date().toISOString();
  const limited = { level: 'tenant', reason: 'limit', name: null, in_flight: 0, since } as const;
  await using _worker = await plantWorker(database, {
    number: 2,
    heldBack: [reported({ ...limited, key: tenant?.key ?? '', lane: '7' })],
  });
  expect(await heldBack()).toMatchObject([{ level: 'tenant', name: 'acme', tenant: 'acme' }]);
  const { stdout } = await runHere(['held-back'], { DATABASE_URL: database.url });
  expect(stdout).toMatch(/^tenant +limit .* 0 on worker 2 +acme$/m);
});

it('says of a receiver that asks to be left alone since when, and until when', async () => {
  receiver.answer((_request, response) => {
    response.writeHead(429, { 'retry-after': '600' }).end();
  });
  await enqueue({ paths: 1 });
  const row = await eventually(async () => (await heldBack())[0], 'it is held back');
  const { since, until, ...rest } = row;
  expect(rest).toEqual({
    ...{ level: 'url', name: `${receiver.url}/1`, tenant: null, endpoint_id: null },
    ...{ reason: 'throttled', last_error: null, in_flight: null, slots: null, worker: null },
  });
  expect(Number(until) - since.getTime()).toBeGreaterThan(590_000);
});

it('forgets what a worker said when it stops', async () => {
  receiver.answer(() => {});
  await enqueue({ paths: 40 });
  await eventually(async () => (await heldBack()).length > 0, 'it is held back');
  await receiver.close();
  await engine.stop();
  expect(await ask(database, 'select from posthorn.workers')).toEqual([]);
});
