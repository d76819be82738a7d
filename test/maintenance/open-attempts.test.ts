import { expect, it } from 'vitest';
import { closeForgottenAttempts } from '../../src/maintenance/open-attempts.ts';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import { forFile } from '../support/world.ts';

const database = forFile(createTestDatabase);

it('closes attempts that nobody will record, and no others, a part in each run and all in the end', async () => {
  const ids = await endedWebhooks(database, { to: 'http://a.example/', count: 7, attempts: 2 });
  // Of the first four webhooks the second attempt is open.
  await database.pool.query(
    `update posthorn.attempts
     set finished_at = null, error = null, status_code = null, started_at = now() - interval '2 hours'
     where webhook_id = any ($1::uuid[]) and number = 2`,
    [ids.slice(0, 4)],
  );
  // The second has only just begun, and somebody is sending the third.
  await database.pool.query(
    'update posthorn.attempts set started_at = now() where webhook_id = $1 and number = 2',
    [ids[1]],
  );
  await database.pool.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at, attempts, leased_by, lease_until)
     values ($1, $1, 1, 1, now(), 2, 1, now() + interval '1 minute')`,
    [ids[2]],
  );
  const runs: { closed: number; walkedTo: string | undefined }[] = [];
  do {
    const run = await closeForgottenAttempts(database.pool, { task: 'sweep', maxAttempts: 5 });
    runs.push(run);
    await database.pool.query(
      `insert into posthorn.maintenance_runs (task, duration_ms, detail) values ('sweep', 1, $1)
       on conflict (task) do update set detail = excluded.detail`,
      [run],
    );
  } while (runs.at(-1)?.walkedTo !== undefined);
  expect(runs.map(({ closed }) => closed)).toEqual([1, 1, 0, 0]);
  const { rows } = await database.pool.query(
    `select array_position($1::uuid[], webhook_id) as webhook, error, finished_at is null as is_open
     from posthorn.attempts
     where number = 2 and error is distinct from 'http_503'
     order by webhook_id`,
    [ids],
  );
  expect(rows).toEqual([
    { webhook: 1, error: 'abandoned', is_open: false },
    { webhook: 2, error: null, is_open: true },
    { webhook: 3, error: null, is_open: true },
    { webhook: 4, error: 'abandoned', is_open: false },
  ]);
});
