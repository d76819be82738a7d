import { afterAll, beforeAll, expect, it } from 'vitest';
import { runSql, sqlFile } from '../../src/db/sql-file.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { interleave, type Step, transaction } from '../support/interleave.ts';

// Workers that read and take a limited lane while somebody changes its endpoint.

let database: TestDatabase;
let lane: string;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(
    `insert into posthorn.workers (number, host, pid, version, seen_at)
     select n, 'host', n, '1.2.3', now() + interval '1 hour' from generate_series(1, 2) as n`,
  );
});
afterAll(() => database.drop());

/** An endpoint of its own for each order. */
const reset = (owner: number | null) => async () => {
  const url = 'http://limited.example/';
  const { row } = await registerEndpoint(database, { url, max_in_flight: 2 });
  lane = String((await row())['lane']);
  await database.pool.query('update posthorn.lane_rules set owner = $1 where lane = $2', [
    owner,
    lane,
  ]);
};

const take = (worker: number): Step => ({
  name: `worker ${worker} takes`,
  run: async (client) => {
    const rows = await runSql(client, sqlFile('take-lanes'), {
      workerNumber: worker,
      lanes: [lane],
    });
    return rows.map((row) => ({ access: row['access'], most: row['max_in_flight'] }));
  },
});

const change = transaction('operator', [
  {
    name: 'lowers the limit',
    run: (client) =>
      client.query('update posthorn.endpoints set max_in_flight = 1 where lane = $1', [lane]),
  },
]);

it('a worker reads the limit of its lane while somebody changes it, in whatever order', async () => {
  await interleave({
    database,
    reset: reset(1),
    sessions: { operator: change, worker: [take(1)] },
    check: ({ order, results }) => {
      const isChanged = order.indexOf('operator: commit') < order.indexOf('worker 1 takes');
      expect(results['worker 1 takes']).toEqual([{ access: 'mine', most: isChanged ? 1 : 2 }]);
    },
  });
});

it('a lane that nobody owns never looks unlimited, and has one owner at most', async () => {
  await interleave({
    database,
    reset: reset(null),
    sessions: { operator: change, one: [take(1)], two: [take(2)] },
    check: async ({ results }) => {
      const seen = [results['worker 1 takes'], results['worker 2 takes']] as { access: string }[][];
      expect(seen.map((rows) => rows.length)).toEqual([1, 1]);
      const owners = seen.flatMap(([row], at) => (row?.access === 'mine' ? [at + 1] : []));
      const { rows } = await database.pool.query(
        'select owner from posthorn.lane_rules where lane = $1',
        [lane],
      );
      expect(owners).toEqual(rows[0].owner === null ? [] : [rows[0].owner]);
    },
  });
});
