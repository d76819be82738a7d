import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { failureCodes } from '../src/domain/failure-codes.ts';
import { createTestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { publishEvents, subscribedEndpoint, webhookOf } from './support/event-rows.ts';
import { eventually } from './support/eventually.ts';
import { forEachTest, forFile } from './support/world.ts';

// What docs/history.md says: the reasons are those of the code, and what it says about erasing data does erase it.

const page = readFileSync(new URL('../docs/history.md', import.meta.url), 'utf8');
const becomes = {
  retry: 'tried again',
  fail: 'failed at once',
  repeat: 'tried again, and does not count',
} as const;

const database = forFile(createTestDatabase);
forFile(() => startEngine(database));
const receiver = forEachTest(startReceiver);

it('has a row for every reason, with its meaning, and for nothing else', () => {
  const [, section = ''] = page.split('## Reasons');
  const rows = [
    ...(section.split('\n## ')[0] ?? '').matchAll(/^\| `(\w+)` \| (.+?) \| (.+) \|$/gm),
  ];
  expect(rows.map((row) => row.slice(1))).toEqual(
    Object.entries(failureCodes).map(([code, { verdict, meaning }]) => [
      code,
      becomes[verdict],
      meaning,
    ]),
  );
});

it('erases one webhook that was delivered, and one that waits, which is not sent any more', async () => {
  const [delivered = '', waiting = ''] = await enqueue(
    `('{"name": "Ada"}', null), ('{"name": "Ada"}', now() + interval '1 hour')`,
  );
  await receiver.until((requests) => requests.length === 1);
  await ended(delivered);
  for (const id of [delivered, waiting]) await run(0, { id });
  expect(await traces([delivered, waiting])).toEqual({ outbox: 0, attempts: 0, keys: 0, queue: 0 });
  expect(await ended(waiting)).toEqual({ status: 'cancelled', reason: 'cancelled' });
  expect(receiver.requests).toHaveLength(1);
});

it('erases everything of an endpoint, and nothing of others', async () => {
  const { rows } = await database.pool.query<{ id: string }>(
    'insert into posthorn.endpoints (url) values ($1), ($1) returning id',
    [receiver.url],
  );
  const [one = '', other = ''] = rows.map(({ id }) => id);
  const ids = await enqueue(`('{}', null), ('{}', now() + interval '1 hour')`, { endpoint: one });
  const [kept = ''] = await enqueue(`('{}', null)`, { endpoint: other });
  await receiver.until((requests) => requests.length === 2);
  for (const id of [ids[0] ?? '', kept]) await ended(id);
  await run(1, { endpoint: one });
  expect(await traces(ids)).toEqual({ outbox: 0, attempts: 0, keys: 0, queue: 0 });
  expect(await traces([kept])).toEqual({ outbox: 1, attempts: 1, keys: 1, queue: 0 });
});

it('erases an event with its webhooks, and nothing of another event', async () => {
  const [one, other] = await Promise.all(
    ['1', '2'].map(() => subscribedEndpoint(database, { tenant: 'erase', url: receiver.url })),
  );
  await database.pool.query(`update posthorn.endpoints set status = 'paused' where id = $1`, [
    other,
  ]);
  const [event = '', kept = ''] = await publishEvents(
    database,
    { tenant: 'erase' },
    { tenant: 'erase' },
  );
  const pairs = [event, kept].flatMap((id) =>
    [one, other].map((endpoint) => webhookOf(database, { event: id, endpoint: endpoint ?? '' })),
  );
  const [sent = '', held = '', sentKept = '', heldKept = ''] = await Promise.all(pairs);
  await ended(sent);
  await ended(sentKept);
  await run(0, { id: event });
  expect(await traces([event, sent, held])).toEqual({ outbox: 0, attempts: 0, keys: 0, queue: 0 });
  expect(await traces([kept, sentKept, heldKept])).toEqual({
    outbox: 1,
    attempts: 1,
    keys: 0,
    queue: 1,
  });
});

it('erases everything of a tenant, and nothing of others', async () => {
  const url = receiver.url;
  const mine = await subscribedEndpoint(database, { tenant: 'mine', url });
  const theirs = await subscribedEndpoint(database, { tenant: 'theirs', url });
  const [event = '', broadcast = '', kept = ''] = await publishEvents(
    database,
    { tenant: 'mine' },
    { tenant: '*' },
    { tenant: 'theirs' },
  );
  const [direct = ''] = await enqueue(`('{}', null)`, { endpoint: mine });
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (tenant, url, body, idempotency_key) values ('mine', $1, '', 'its key') returning id`,
    [url],
  );
  const own = rows[0]?.id ?? '';
  const at = (id: string, endpoint: string) => webhookOf(database, { event: id, endpoint });
  const gone = [direct, own, await at(event, mine), await at(broadcast, mine)];
  const left = [await at(kept, theirs), await at(broadcast, theirs)];
  for (const id of [...gone, ...left]) await ended(id);
  await run(2, { tenant: 'mine' });
  expect(await traces([event, ...gone])).toEqual({ outbox: 0, attempts: 0, keys: 0, queue: 0 });
  expect(await traces([kept, broadcast, ...left])).toEqual({
    outbox: 2,
    attempts: 2,
    keys: 0,
    queue: 0,
  });
});

/** Enqueues rows of (body, send_at), with a key each; their ids. */
async function enqueue(
  values: string,
  { endpoint }: { endpoint?: string } = {},
): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (url, endpoint_id, body, send_at, idempotency_key)
     select $1, $2::uuid, body, send_at::timestamptz, gen_random_uuid()::text
     from (values ${values}) as v (body, send_at)
     returning id`,
    endpoint === undefined ? [receiver.url, null] : [null, endpoint],
  );
  return rows.map(({ id }) => id);
}

/** Runs one of the page's ways to erase, with psql's variables filled in. */
async function run(which: number, variables: Record<string, string>): Promise<void> {
  const [, section = ''] = page.split('## Erasing data');
  const script = [...section.matchAll(/```sql\n([\s\S]*?)```/g)][which]?.[1] ?? '';
  const sql = script.replaceAll(/:'(\w+)'/g, (_, name: string) => `'${variables[name]}'`);
  expect(sql).toContain('delete from posthorn.outbox');
  await database.pool.query(sql);
}

async function ended(id: string): Promise<{ status: string; reason: string | null }> {
  return eventually(async () => {
    const { rows } = await database.pool.query<{ status: string; reason: string | null }>(
      'select status, reason from posthorn.outcomes where webhook_id = $1',
      [id],
    );
    return rows[0];
  }, `${id} has ended`);
}

async function traces(ids: readonly string[]): Promise<object | undefined> {
  const { rows } = await database.pool.query<object>(
    `select
       (select count(*)::integer from posthorn.outbox where id = any ($1)) as outbox,
       (select count(*)::integer from posthorn.attempts where webhook_id = any ($1)) as attempts,
       (select count(*)::integer from posthorn.idempotency_keys where outbox_id = any ($1)) as keys,
       (select count(*)::integer from posthorn.queue where webhook_id = any ($1)) as queue`,
    [ids],
  );
  return rows[0];
}
