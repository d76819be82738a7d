import { afterEach, beforeEach, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import type { Posthorn } from '../src/posthorn.ts';
import { createTestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { ask } from './support/rows.ts';
import { forEachTest, forFile } from './support/world.ts';

// A host with many URLs that hangs up on every request, and comes back. Two workers share the breaker of the origin.

const database = forFile(createTestDatabase);
let engines: (Posthorn & AsyncDisposable)[];

beforeEach(async () => {
  await database.empty();
  engines = await Promise.all([startEngine(database), startEngine(database)]);
});

afterEach(() => Promise.all(engines.map((engine) => engine.stop())));

const receiver = forEachTest(startReceiver);

const enqueue = (name: string, count: number) =>
  ask(
    database,
    `insert into posthorn.outbox (url, body) select $1 || n, '{}' from generate_series(1, $2::integer) as n`,
    [`${receiver.url}/${name}-`, count],
  );

const attempted = (count: number) =>
  eventually(async () => {
    const rows = await ask(database, 'select from posthorn.attempts where finished_at is not null');
    return rows.length >= count;
  }, `${count} attempts have ended`);

it('gets nothing but one probe at a time while it is away, and everything when it is back', async () => {
  receiver.answer((_request, response) => {
    response.socket?.destroy();
  });
  await enqueue('first', 20);
  await attempted(20);
  const origin = await eventually(async () => {
    const rows = await ask(database, 'select * from posthorn.breakers where consecutive >= 20');
    return rows[0];
  }, 'the failures are counted');
  expect(origin).toMatchObject({ url: receiver.url, state: 'closed', only_lane: null });
  expect(origin['key']).toBe(origin['origin']);
  await ask(
    database,
    `update posthorn.breakers set failing_since = failing_since - interval '1 minute'`,
  );
  await enqueue('second', 1);
  await eventually(
    async () =>
      (await ask(database, `select from posthorn.breakers where state = 'open'`)).length === 1,
    'the breaker of the origin opens',
  );
  await enqueue('third', 30);
  const waiting = await ask(
    database,
    `select distinct waits_for from posthorn.webhooks where url like '%/third-%'`,
  );
  expect(waiting).toEqual([{ waits_for: 'origin_breaker' }]);
  const held = await ask(
    database,
    `select level, name, reason, until > now() as is_until, last_error from posthorn.held_back where worker is null`,
  );
  expect(held).toEqual([
    {
      ...{ level: 'origin', name: receiver.url, reason: 'origin_breaker', is_until: true },
      last_error: expect.any(String),
    },
  ]);
  // All that is due waits; the probe fails, and the others stay as they are.
  const { length: before } = receiver.requests;
  await ask(database, 'update posthorn.queue set due_at = now()');
  await ask(database, 'update posthorn.breakers set open_until = now()');
  await eventually(
    async () => (await ask(database, 'select from posthorn.breakers where trips = 2')).length === 1,
    'the probe has failed',
  );
  expect(receiver.requests).toHaveLength(before + 1);
  receiver.answer((_request, response) => {
    response.end();
  });
  await ask(database, 'update posthorn.queue set due_at = now()');
  await ask(database, 'update posthorn.breakers set open_until = now()');
  await eventually(
    async () => (await ask(database, 'select from posthorn.queue')).length === 0,
    'all are delivered',
  );
  expect(await ask(database, 'select from posthorn.breakers')).toEqual([]);
  const delivered = await ask(database, `select from posthorn.outcomes where status = 'delivered'`);
  expect(delivered).toHaveLength(51);
});
