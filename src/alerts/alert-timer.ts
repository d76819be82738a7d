import type { ConnectionKind } from '../db/connection-kind.ts';
import { createMaintenancePool } from '../db/pools.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { type AlertOptions, evaluateAlerts } from './alerts.ts';

const everyMs = 30_000;
/** The crontab runs once a minute; after this time it has missed a run. */
const missedMs = 90_000;

/**
 * Evaluates the alert rules when the workers do not, because no worker can report that no worker is alive. Runs in the
 * API's processes. While the crontab works, it costs one read of one row every 30 s. Returns a function that stops it.
 */
export function startAlertTimer(options: {
  readonly databaseUrl: string;
  readonly line: ConnectionKind;
  readonly alerts: AlertOptions;
  /** POSTHORN_ENVIRONMENT; empty: not set. */
  readonly environment: string;
  readonly events: Events;
  readonly log: Log;
  /** How often it looks, ms. */
  readonly everyMs?: number;
}): () => Promise<void> {
  const { databaseUrl, line, log } = options;
  const pool = createMaintenancePool({
    databaseUrl,
    log,
    max: 1,
    applicationName: 'posthorn alerts',
    isShared: line === 'transaction pooler',
  });
  let running: Promise<unknown> = Promise.resolve();
  const look = () => {
    running = evaluateAlerts(pool, { ...options, ifOlderThanMs: missedMs }).catch(
      (error: unknown) => log.warn({ error: String(error) }, 'Cannot evaluate the alert rules'),
    );
  };
  look();
  const timer = setInterval(look, options.everyMs ?? everyMs);
  return async () => {
    clearInterval(timer);
    await running;
    await pool.end();
  };
}
