import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listEndpoints } from '../../src/queries/list-endpoints.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { rowsRead } from '../support/rows-read.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// What waits is counted for each endpoint of a page, and no further than is told, whatever waits: 80 endpoints with 600
// webhooks each.

const endpoints = 80;
let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(
    `insert into posthorn.endpoints (url) select 'http://example.com/' from generate_series(1, $1::integer)`,
    [endpoints],
  );
  await database.pool.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, due_at, priority)
     select gen_random_uuid(), gen_random_uuid(), lane, now() + n * interval '1 s', n % 3
     from posthorn.endpoints, generate_series(1, 600) as n`,
  );
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

// With the statistics of an empty table, as after a restore, and with true ones.
describe.each(['none', 'analyzed'])('a page of endpoints, with statistics "%s"', (statistics) => {
  beforeAll(async () => {
    if (statistics === 'analyzed') await database.pool.query('analyze');
  });

  const readPage = async (limit: number) => {
    const most = Math.min(limit, endpoints);
    const counted = Math.min(500, 100_000 / limit);
    const read = await rowsRead(api.pool, async (connection) => {
      const options = { status: undefined, limit, before: undefined };
      const page = await listEndpoints(connection, options);
      expect(page.endpoints).toHaveLength(most);
      for (const { backlog } of page.endpoints) {
        expect(backlog).toMatchObject({ waiting: counted + 1, is_at_least: true });
      }
    });
    expect(read.sequential).toBe(0);
    return read.byIndex;
  };

  it('counts 500 of the backlog of each, and nothing for the endpoints beyond it', async () => {
    // One endpoint more is read, to know whether there is a next page; each takes a few rows beside its backlog.
    expect(await readPage(10)).toBeLessThan(11 * (501 + 10));
    expect(await readPage(50)).toBeLessThan(51 * (501 + 10));
  });

  it('counts less of each where the page is longer than 200, so that the page costs no more', async () => {
    expect(await readPage(10_000)).toBeLessThan(endpoints * (11 + 10));
  });
});
