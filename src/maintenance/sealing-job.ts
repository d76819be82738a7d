import type { Pool } from 'pg';
import { graphileSchema } from '../db/names.ts';
import { sealingTask } from './crontab.ts';

/** Has the secrets of endpoints sealed now, by any worker, and not only when the crontab comes to it. */
export async function addSealingJob(pool: Pick<Pool, 'query'>): Promise<void> {
  await pool.query(
    `select ${graphileSchema}.add_job($1, '{}'::json, job_key => $1, job_key_mode => 'replace', max_attempts => 3)`,
    [sealingTask],
  );
}
