import { expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { createTestDatabase } from './support/database.ts';
import { registerEndpoint } from './support/endpoints.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { limitTenant } from './support/tenants.ts';
import { forEachTest, forFile } from './support/world.ts';

// What the ordered endpoints of a limited tenant are sent ahead counts against the tenant's rate, before it is sent.

const database = forFile(createTestDatabase);
forFile(() => startEngine(database));
const receiver = forEachTest(startReceiver);

it('the rate of a tenant holds over all of its ordered endpoints', async () => {
  await limitTenant(database, { id: 'acme', rate_limit_per_s: 100 });
  const endpoints = await Promise.all(
    Array.from({ length: 10 }, (_, at) =>
      registerEndpoint(database, { url: `${receiver.url}/${at}`, tenant: 'acme', ordered: true }),
    ),
  );
  await Promise.all(endpoints.map((endpoint) => endpoint.enqueue(3)));
  await eventually(async () => {
    const { rows } = await database.pool.query(
      `select count(*) = 30 and max(finished_at) < clock_timestamp() - interval '200 ms' as is_so
       from posthorn.outcomes`,
    );
    return rows[0].is_so;
  }, 'it is known how long a turn takes, and ten may be sent at once');
  await database.pool.query(
    `insert into posthorn.outbox (endpoint_id, body)
     select id, n::text from posthorn.endpoints cross join generate_series(1, 20) as n`,
  );
  await receiver.until((requests) => requests.length === 230);
  const times = receiver.requests.slice(30).map(({ atMs }) => atMs);
  // 10 at once at first, and then 100 a second.
  const most = Math.max(
    ...times.map((from) => times.filter((at) => at >= from && at < from + 300).length),
  );
  expect(most).toBeLessThanOrEqual(50);
});
