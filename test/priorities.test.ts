import { expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { createTestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { forFile } from './support/world.ts';

const database = forFile(createTestDatabase);
const receiver = forFile(startReceiver);

it('with one slot and 300 webhooks waiting, high goes first and low still moves', async () => {
  await database.pool.query(
    `insert into posthorn.outbox (url, body, priority)
     select $1 || '/' || priority, '{}', priority
     from generate_series(1, 100), unnest(array['low', 'normal', 'high']) as priority`,
    [receiver.url],
  );
  await using _engine = await startEngine(database, { env: { POSTHORN_MAX_IN_FLIGHT: '1' } });
  await receiver.until((requests) => requests.length === 300);
  const order = receiver.requests.map(({ path }) => path.slice(1));
  const first = (priority: string, count: number) =>
    order.slice(0, count).filter((one) => one === priority).length;
  // While high waits it has nine turns of ten; normal and low share the tenth.
  expect(first('high', 100)).toBeGreaterThanOrEqual(88);
  expect(first('low', 100)).toBeGreaterThanOrEqual(4);
  expect(first('normal', 100)).toBeGreaterThanOrEqual(4);
  // Then normal has them, with one of ten for low.
  expect(order.slice(115, 195).filter((one) => one === 'normal').length).toBeGreaterThanOrEqual(70);
  expect(order.slice(-80).every((one) => one === 'low')).toBe(true);
});

it('a high webhook overtakes a backlog of low ones', async () => {
  receiver.requests.length = 0;
  await using _engine = await startEngine(database, { env: { POSTHORN_MAX_IN_FLIGHT: '1' } });
  await database.pool.query(
    `insert into posthorn.outbox (url, body, priority)
     select $1 || '/low', '{}', 'low' from generate_series(1, 400)`,
    [receiver.url],
  );
  await receiver.until((requests) => requests.length >= 20);
  const before = receiver.requests.length;
  await database.pool.query(
    `insert into posthorn.outbox (url, body, priority) values ($1 || '/high', '{}', 'high')`,
    [receiver.url],
  );
  await receiver.until((requests) => requests.some(({ path }) => path === '/high'));
  const overtaken = receiver.requests.findIndex(({ path }) => path === '/high') - before;
  expect(overtaken).toBeLessThan(100);
  await receiver.until((requests) => requests.length === 401);
});
