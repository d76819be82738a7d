import { type ParsedCronItem, parseCronItems, type TaskList } from 'graphile-worker';
import type { Pool } from 'pg';
import { type AlertOptions, evaluateAlerts } from '../alerts/alerts.ts';
import type { Tallies } from '../alerts/tallies.ts';
import { graphileSchema } from '../db/names.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { disableFailing } from './disable.ts';
import { noteRun } from './note-run.ts';
import { closeForgottenAttempts } from './open-attempts.ts';
import { makePartitions } from './partitions.ts';
import { prune } from './prune.ts';
import { sealSecrets } from './seal-secrets.ts';

/** The options of the scheduled tasks. */
export interface MaintenanceOptions {
  readonly retentionMs: number;
  readonly disableAfterMs: number;
  readonly alerts: AlertOptions;
  /** POSTHORN_ENVIRONMENT; empty: not set. */
  readonly environment: string;
  /** Undefined: secrets are stored as plain text. */
  readonly keyRing?: KeyRing | undefined;
}

interface TaskOptions {
  readonly maintenancePool: Pool;
  readonly events: Events;
  readonly log: Log;
  readonly maintenance: MaintenanceOptions;
  readonly tallies: Tallies;
}

type Task = (options: TaskOptions) => Promise<Record<string, unknown>>;

interface Schedule {
  readonly match: string;
  readonly run: Task;
  /** Runs so often that it is not logged. */
  readonly isQuiet?: boolean;
}

/** Also runs at the start of a worker, because its key ring may have changed. */
export const sealingTask = 'posthorn:secrets';

/** Continues where its last run ended, which is noted under this name. */
const attemptsTask = 'posthorn:attempts';

/**
 * The scheduled tasks: name → when (UTC, crontab syntax) and what. Graphile Worker enqueues each run once for all
 * workers.
 */
const schedule: Readonly<Record<string, Schedule>> = {
  'posthorn:alerts': {
    match: '* * * * *',
    isQuiet: true,
    run: async ({ maintenancePool, maintenance, tallies, events, log }) => {
      // This process writes its counts now; those of the others are at most 15 s old.
      await tallies.write();
      const { alerts, environment } = maintenance;
      const told = await evaluateAlerts(maintenancePool, { alerts, environment, events, log });
      return { told: told?.length ?? 0 };
    },
  },
  'posthorn:sample': {
    match: '* * * * *',
    isQuiet: true,
    run: async ({ maintenancePool, tallies }) => {
      await tallies.write();
      const { rows } = await maintenancePool.query<{ waiting: number }>(
        'select posthorn.take_sample()::float8 as waiting',
      );
      await maintenancePool.query('select posthorn.note_full_tenants()');
      return { waiting: rows[0]?.waiting ?? 0 };
    },
  },
  'posthorn:partitions': {
    // Every ten minutes, because a missing day slows everything down until it exists.
    match: '3,13,23,33,43,53 * * * *',
    run: async ({ maintenancePool }) => ({ made: await makePartitions(maintenancePool) }),
  },
  'posthorn:disable': {
    match: '*/5 * * * *',
    run: async ({ maintenancePool, maintenance, events }) => ({
      disabled: await disableFailing(maintenancePool, {
        disableAfterMs: maintenance.disableAfterMs,
        events,
      }),
    }),
  },
  [sealingTask]: {
    match: '*/5 * * * *',
    isQuiet: true,
    run: ({ maintenancePool, maintenance: { keyRing: ring }, log }) =>
      sealSecrets(maintenancePool, { ring, log }),
  },
  [attemptsTask]: {
    match: '28 * * * *',
    run: ({ maintenancePool }) => closeForgottenAttempts(maintenancePool, { task: attemptsTask }),
  },
  'posthorn:prune': {
    match: '43 * * * *',
    run: ({ maintenancePool, maintenance }) =>
      prune(maintenancePool, { retentionMs: maintenance.retentionMs }),
  },
};

/** The crontab. Missed runs are not repeated: the next one does all the work. */
export function cronItems(): ParsedCronItem[] {
  return parseCronItems(
    Object.entries(schedule).map(([task, { match }]) => ({
      task,
      match,
      identifier: task,
      // A failed task is tried again by its next run; few attempts, so that no row stays for ever.
      options: { backfillPeriod: 0, maxAttempts: 3, jobKey: task, jobKeyMode: 'replace' },
    })),
  );
}

/** Requests an evaluation of the alert rules before the next minute. */
export async function evaluateAlertsNow(pool: Pool): Promise<void> {
  await pool.query(
    `select ${graphileSchema}.add_job('posthorn:alerts', job_key => 'posthorn:alerts', max_attempts => 3)`,
  );
}

/** The names of the scheduled tasks. */
export const taskNames: readonly string[] = Object.keys(schedule);

/** The functions that the crontab runs. */
export function maintenanceTasks(options: TaskOptions): TaskList {
  return Object.fromEntries(
    Object.entries(schedule).map(([task, { run, isQuiet = false }]) => [
      task,
      async () => {
        const startedMs = performance.now();
        const detail = await run(options);
        await noteRun(options.maintenancePool, {
          task,
          durationMs: performance.now() - startedMs,
          detail,
        });
        if (!isQuiet) options.log.info({ task, ...detail }, 'Maintenance done');
        options.events.emit('maintained', { task, detail });
      },
    ]),
  );
}
