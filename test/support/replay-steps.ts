import { runSql, sqlFile } from '../../src/db/sql-file.ts';
import type { TestDatabase } from './database.ts';

const putBack = sqlFile('put-back');
const takeBack = sqlFile('take-back');

/** Does what workers do for a replay, to its end. */
export async function carryOut({ pool }: TestDatabase, id: string): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ status: string }>(
      'select status from posthorn.replays where id = $1',
      [id],
    );
    const status = rows[0]?.status;
    if (status !== 'running' && status !== 'cancelling') return;
    const values = { replayId: id, maxWebhooks: 1_000 };
    if (status === 'running') await runSql(pool, putBack, { ...values, maxRows: 20_000 });
    else await runSql(pool, takeBack, values);
  }
}
