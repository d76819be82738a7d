import { expect, it } from 'vitest';
import { spawnWorker } from '../../harness/process.ts';
import { startReceiver } from '../../harness/receiver.ts';
import { createTestDatabase } from '../support/database.ts';

it.each([
  { clock: 'a day ahead', offsetMs: 86_400_000 },
  { clock: 'ten minutes behind', offsetMs: -600_000 },
])(
  'a worker whose clock is $clock signs by that of Postgres, and says so',
  async ({ offsetMs }) => {
    await using database = await createTestDatabase();
    await using receiver = await startReceiver();
    await using worker = await spawnWorker(database.url, {
      NODE_OPTIONS: `--import ${new URL('../../chaos/wrong-clock.ts', import.meta.url)}`,
      CHAOS_CLOCK_OFFSET_MS: String(offsetMs),
    });
    await worker.line(/The clock of this machine differs/);
    await database.pool.query(
      `insert into posthorn.outbox (url, body, secret) values ($1, '{}', 'a secret')`,
      [receiver.url],
    );
    await receiver.until((requests) => requests.length === 1);
    const timestampS = Number(receiver.requests[0]?.headers['webhook-timestamp']);
    expect(Math.abs(timestampS - Date.now() / 1_000)).toBeLessThan(5);
  },
);
