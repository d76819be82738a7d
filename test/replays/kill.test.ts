import { expect, it } from 'vitest';
import { spawnWorker } from '../../harness/process.ts';
import { startReceiver } from '../../harness/receiver.ts';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks, startReplay } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { eventually } from '../support/eventually.ts';
import { forFile } from '../support/world.ts';

// A real worker process, killed in the middle of a replay, several times. `npm run chaos -- --only replay` does the same with
// more webhooks, and while they are sent.

/** A worker that takes over has to start first, which takes long on a busy machine. */
const patienceMs = 60_000;

const database = forFile(createTestDatabase);
const receiver = forFile(startReceiver);

it('a replay puts each webhook back once though its worker is killed four times', async () => {
  // Held, so that what the receiver gets in the end was sent without any death, and so once.
  const endpoint = await registerEndpoint(database, { url: receiver.url, status: 'paused' });
  const ids = await endedWebhooks(database, { to: endpoint.id, count: 2_400 });
  const id = await startReplay(database, { endpoint_id: endpoint.id, rate_limit_per_s: 400 });
  let worker = await spawnWorker(database.url);
  for (let kills = 0; kills < 4; kills += 1) {
    const from = await replayed(id);
    await eventually(async () => (await replayed(id)) > from, 'it goes on', patienceMs);
    await inTransaction(id);
    await worker.end('SIGKILL');
    worker = await spawnWorker(database.url);
  }
  await using _last = worker;
  await eventually(
    async () => {
      const { rows } = await database.pool.query(
        `select from posthorn.replays where id = $1 and status = 'finished'`,
        [id],
      );
      return rows.length > 0;
    },
    'it is finished',
    patienceMs,
  );
  expect(await replayed(id)).toBe(2_400);
  const { rows: kept } = await database.pool.query<{ webhook_id: string }>(
    'select webhook_id from posthorn.former_outcomes order by 1',
  );
  expect(kept.map((row) => row.webhook_id)).toEqual(ids);
  await endpoint.set({ status: 'active' });
  await eventually(
    async () => {
      const { rows } = await database.pool.query('select from posthorn.queue limit 1');
      return rows.length === 0;
    },
    'nothing waits',
    patienceMs,
  );
  expect(receiver.requests.map(({ headers }) => headers['x-webhook-id']).toSorted()).toEqual(ids);
}, 300_000);

/** Resolves while a transaction puts webhooks back: it has the row of the replay locked. */
async function inTransaction(id: string): Promise<void> {
  for (let isLocked = false; !isLocked; ) {
    const { rows } = await database.pool.query(
      'select from posthorn.replays where id = $1 for key share skip locked',
      [id],
    );
    isLocked = rows.length === 0;
  }
}

async function replayed(id: string): Promise<number> {
  const { rows } = await database.pool.query<{ replayed: string }>(
    'select replayed from posthorn.replays where id = $1',
    [id],
  );
  return Number(rows[0]?.replayed);
}
