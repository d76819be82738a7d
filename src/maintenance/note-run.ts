import type { Pool } from 'pg';

/** Notes that a scheduled task succeeded, so that you can see when it last did, on any worker. */
export async function noteRun(
  pool: Pool,
  run: {
    readonly task: string;
    readonly durationMs: number;
    readonly detail: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  await pool.query(
    `insert into posthorn.maintenance_runs (task, duration_ms, detail)
     values ($1, $2, $3)
     on conflict (task) do update
       set ended_at = clock_timestamp(), duration_ms = excluded.duration_ms, detail = excluded.detail`,
    [run.task, run.durationMs, JSON.stringify(run.detail)],
  );
}
