import type { Pool } from 'pg';
import { graphileSchema } from '../db/names.ts';
import { sealingTask } from './crontab.ts';

/** Makes a worker seal the secrets of endpoints now, without waiting for the crontab. */
export async function addSealingJob(pool: Pick<Pool, 'query'>): Promise<void> {
  await pool.query(
    `select ${graphileSchema}.add_job($1, '{}'::json, job_key => $1, job_key_mode => 'replace', max_attempts => 3)`,
    [sealingTask],
  );
}
