import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { fairnessOf } from '../../bench/isolation/fairness.ts';
import { insertLoad, insertShares, loads, zipfSizes } from '../../bench/isolation/loads.ts';
import { sharePercent } from '../../bench/isolation/table-report.ts';
import { isolationRows, readOptions } from '../../bench/options.ts';
import { jainIndex } from '../../bench/statistics.ts';
import { openServer, type Server } from '../../harness/postgres.ts';

// The table of what the load of others costs healthy tenants: the parts whose mistakes would be taken for findings.

let server: Server;

beforeAll(async () => {
  server = await openServer(inject('postgresUrl'));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

it("measures equality by Jain's index", () => {
  expect(jainIndex([3, 3, 3])).toBe(1);
  expect(jainIndex([9, 0, 0])).toBeCloseTo(1 / 3);
  expect(jainIndex([1, 3])).toBeCloseTo(0.8);
});

it('looks at tenants only while each of them has a backlog', () => {
  // The second has all of its webhooks with the fourth request; what comes later goes to the first alone.
  const turns = { tenants: [1, 2, 1, 2, 1, 1], times: [10, 20, 30, 40, 50, 60] };
  expect(fairnessOf(turns, [9, 2])).toEqual({
    index: 1,
    windowMs: 30,
    perTenant: { median: 2, min: 2, max: 2 },
  });
  // One that got nothing counts.
  expect(fairnessOf({ tenants: [1], times: [10] }, [9, 2]).index).toBe(0.5);
});

it('takes the healthy traffic from what the drain alone shows', () => {
  const load = { requests: 0, mostOpen: 0, alonePerS: 1_100, besidePerS: 800 };
  expect(sharePercent(load, 100)).toBe(80);
});

it('measures all rows, or those that are named', () => {
  const rowsOf = (...args: string[]) => {
    const options = readOptions(['--isolation', ...args]);
    return options === 'help' ? options : options.rows;
  };
  expect(rowsOf()).toEqual(isolationRows);
  expect(rowsOf('--row', 'drip', '--row', 'paths')).toEqual(['paths', 'drip']);
  expect(() => rowsOf('--row', 'nothing')).toThrow('--row must be one of paths, subdomains');
});

it('inserts each load over as many lanes as the row says', async () => {
  await using database = await server.createDatabase();
  const { client } = database;
  for (const [name, load] of Object.entries(loads)) {
    const { text, values } = insertLoad(load, { port: 1, percent: 1 });
    await client.query(text, [...values]);
    const { rows } = await client.query(
      `select count(*)::integer as webhooks, count(distinct q.lane)::integer as lanes, min(o.tenant) as tenant,
         max(octet_length(o.body)) as bytes
       from posthorn.queue as q join posthorn.outbox as o on o.id = q.outbox_id`,
    );
    expect(rows, name).toEqual([
      {
        webhooks: load.webhooks / 100,
        lanes: load.urls / 100,
        tenant: load.tenant,
        bytes: load.bodyBytes,
      },
    ]);
    await client.query('truncate posthorn.outbox, posthorn.queue');
  }
});

it('gives more paths to the tenants with more work', async () => {
  await using database = await server.createDatabase();
  const { client } = database;
  const sizes = zipfSizes({ tenants: 4, least: 6 });
  expect(sizes).toEqual([24, 12, 8, 6]);
  const { text, values } = insertShares(sizes, { port: 1, perPath: 6 });
  await client.query(text, [...values]);
  const { rows } = await client.query(
    `select tenant, count(*)::integer as webhooks, count(distinct url)::integer as paths
     from posthorn.outbox group by tenant order by tenant`,
  );
  expect(rows).toEqual([
    { tenant: 'tenant-1', webhooks: 24, paths: 4 },
    { tenant: 'tenant-2', webhooks: 12, paths: 2 },
    { tenant: 'tenant-3', webhooks: 8, paths: 2 },
    { tenant: 'tenant-4', webhooks: 6, paths: 1 },
  ]);
});
