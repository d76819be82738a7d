import { expect, test } from 'vitest';
import { startReceiver } from '../harness/receivers.ts';
import { evaluateBy } from './support/alerts.ts';
import { createTestDatabase } from './support/database.ts';
import { watchDialled } from './support/dialled.ts';
import { registerEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { forFile } from './support/world.ts';

// Whatever Posthorn sends goes by the one client, and so past its guard.

const database = forFile(createTestDatabase);

test('direct webhooks, registered endpoints, their tests and alerts reach no private address', async () => {
  await using receiver = await startReceiver();
  const { pool } = database;
  await using posthorn = await startEngine(database, {
    api: true,
    env: {
      POSTHORN_ALLOW_NETWORKS: '',
      POSTHORN_ALERT_URL: `${receiver.url}/alerts`,
      POSTHORN_ALERT_MIN_ATTEMPTS: '1',
    },
  });
  using dialled = watchDialled();
  const endpoint = await registerEndpoint(database, { url: `${receiver.url}/registered` });
  await pool.query(`insert into posthorn.outbox (url, body) values ($1, '{}'), ($2, '{}')`, [
    `${receiver.url}/direct`,
    `http://localhost:${receiver.port}/named`,
  ]);
  await endpoint.enqueue(1);
  const tested = await fetch(`${posthorn.address}/endpoints/${endpoint.id}/test`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect(tested.ok).toBe(true);
  const evaluate = evaluateBy(posthorn, database);
  await eventually(async () => {
    await evaluate();
    const { rows } = await pool.query(`select from posthorn.outbox where url like '%/alerts'`);
    return rows.length > 0;
  }, 'an alert is told');
  const errors = async () => {
    const { rows } = await pool.query<{ url: string; error: string }>(
      `select distinct coalesce(o.url, 'registered') as url, a.error
       from posthorn.attempts as a join posthorn.outbox as o on o.id = a.webhook_id
       where a.finished_at is not null`,
    );
    return rows;
  };
  await eventually(async () => (await errors()).length === 5, 'everything is tried');
  expect(new Map((await errors()).map(({ url, error }) => [url, error]))).toEqual(
    new Map([
      [`${receiver.url}/direct`, 'address_blocked_literal'],
      [`${receiver.url}/registered`, 'address_blocked_literal'],
      [`${receiver.url}/alerts`, 'address_blocked_literal'],
      ['registered', 'address_blocked_literal'],
      [`http://localhost:${receiver.port}/named`, 'address_blocked'],
    ]),
  );
  expect(receiver.connections).toBe(0);
  // Postgres and our own request to the API are all that was dialled.
  expect(dialled.addresses.length).toBeGreaterThan(0);
});
