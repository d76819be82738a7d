import { lockClass } from '../../src/db/names.ts';
import type { ReportedGroup } from '../../src/deliver/held-back-report.ts';
import type { TestDatabase } from './database.ts';

/** A worker that does nothing but hold groups back: its row, and the lock that says that it is alive. */
export async function plantWorker(
  { pool }: Pick<TestDatabase, 'pool'>,
  { number, heldBack }: { number: number; heldBack: readonly ReportedGroup[] },
): Promise<AsyncDisposable> {
  const client = await pool.connect();
  await client.query('select pg_advisory_lock($1::integer, $2::integer)', [lockClass, number]);
  await client.query(
    `insert into posthorn.workers (number, host, pid, version, held_back) values ($1, 'here', 1, '0', $2)`,
    [number, JSON.stringify(heldBack)],
  );
  return {
    async [Symbol.asyncDispose]() {
      await client.query('delete from posthorn.workers where number = $1', [number]);
      // With the session goes its lock.
      client.release(true);
    },
  };
}

/** What a worker says of an origin that hangs; or of something else. */
export function reported(group: Partial<ReportedGroup>): ReportedGroup {
  return {
    ...{
      key: '1',
      level: 'origin',
      reason: 'no_answer',
      name: 'https://hangs.example',
      lane: null,
    },
    ...{ since: '2026-12-01T07:00:00.000Z', in_flight: 16, slots: 16 },
    ...group,
  };
}
