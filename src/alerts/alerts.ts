import type { Pool, PoolClient } from 'pg';
import { alertLock, lockClass } from '../db/names.ts';
import { pinStatement } from '../db/session-settings.ts';
import { inTransaction } from '../db/transaction.ts';
import { alertChanges, type KnownAlert } from '../domain/alert-changes.ts';
import { alertFindings } from '../domain/alert-findings.ts';
import { alertMessage, type ToldAlert } from '../domain/alert-message.ts';
import type { AlertThresholds } from '../domain/alert-rules.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { readAlertFacts } from './alert-facts.ts';
import { writeAlertChanges } from './alert-rows.ts';

/*
 * The alerts: facts → rules → changes → posthorn.alerts, and the people to notify.
 *
 * The rows and the webhook that announces them are one transaction, so a crash here loses both or neither; only the log
 * line and the event come after it. There is one evaluation at a time, and also a unique index, so that nothing fires
 * twice.
 */

/** Where alerts are announced, and their thresholds. */
export interface AlertOptions {
  readonly thresholds: AlertThresholds;
  /** Gets a webhook with each change; undefined: alerts go only to the log and the table. */
  readonly url: string | undefined;
  /** Signs that webhook. */
  readonly secret: string | undefined;
}

interface EvaluationOptions {
  readonly alerts: AlertOptions;
  /** POSTHORN_ENVIRONMENT; empty: not set. */
  readonly environment: string;
  readonly events: Events;
  readonly log: Log;
  /** Evaluate only if the last evaluation is at least this old. */
  readonly ifOlderThanMs?: number;
}

/**
 * Evaluates the rules once and returns what was announced. Undefined when another process is evaluating them, or has
 * just done so.
 */
export async function evaluateAlerts(
  pool: Pool,
  { alerts, environment, events, log, ifOlderThanMs }: EvaluationOptions,
): Promise<readonly ToldAlert[] | undefined> {
  if (!(await isDue(pool, ifOlderThanMs))) return undefined;
  // A separate transaction, because it counts by now(), and because other sessions that want to count would find the
  // row locked until the end.
  await pool.query(`select from posthorn.take_stats('0 seconds')`);
  const told = await inTransaction(pool, async (client) => {
    if (!(await isOurTurn(client, ifOlderThanMs))) return undefined;
    await client.query(settings);
    const facts = await readAlertFacts(client, { thresholds: alerts.thresholds, environment });
    const changes = alertChanges(alertFindings(facts, alerts.thresholds), {
      known: await readKnown(client),
      resolveAfterMs: alerts.thresholds.resolveAfterMs,
    });
    const written = await writeAlertChanges(client, changes);
    // While the database is held, the message would wait with the other webhooks and be sent when it is long out of
    // date.
    if (facts.hold === null) await enqueueMessage(client, { alerts, told: written, log });
    return written;
  });
  for (const alert of told ?? []) tell(alert, { events, log });
  return told;
}

/** Keeps the plans on the indexes, as for the engine's statements, and still ends a statement that takes too long. */
const settings = `
  ${pinStatement({ isLocal: true })};
  set local enable_seqscan = off;
  set local enable_hashjoin = off;
  set local enable_mergejoin = off;
  set local statement_timeout = '20s'`;

/** If the lock is taken, the rules are being evaluated at this moment: do not wait. */
async function isOurTurn(client: PoolClient, ifOlderThanMs = 0): Promise<boolean> {
  const { rows } = await client.query<{ isFree: boolean }>(
    'select pg_try_advisory_xact_lock($1, $2) as "isFree"',
    [lockClass, alertLock],
  );
  if (rows[0]?.isFree !== true) return false;
  // A separate statement, whose snapshot is from a time when we held the lock.
  return isDue(client, ifOlderThanMs);
}

async function isDue(client: Pool | PoolClient, ifOlderThanMs = 0): Promise<boolean> {
  const { rows } = await client.query<{ isDue: boolean }>(
    // A time in the future: the clock was set back since.
    `select coalesce(
       evaluated_at <= clock_timestamp() - $1::float8 * interval '1 millisecond' or evaluated_at > clock_timestamp(),
       true) as "isDue"
     from posthorn.alert_watch`,
    [ifOlderThanMs],
  );
  return rows[0]?.isDue ?? true;
}

async function readKnown(client: PoolClient): Promise<KnownAlert[]> {
  const { rows } = await client.query<KnownAlert>(
    `select
       id,
       rule,
       subject,
       step,
       ((extract(epoch from clock_timestamp()) - extract(epoch from since)) * 1000)::float8 as "foundMs",
       ((extract(epoch from clock_timestamp()) - extract(epoch from clear_since)) * 1000)::float8 as "clearMs"
     from posthorn.alerts
     where resolved_at is null`,
  );
  return rows;
}

/**
 * The message goes through the engine like any other webhook: signed, retried, recorded, and only to an allowed
 * address. If the alert endpoint itself fails, this is not announced there, because nobody would see it. Attempts at it
 * do not count for the failure rate either, so that no alert causes another one.
 */
async function enqueueMessage(
  client: PoolClient,
  { alerts, told, log }: { alerts: AlertOptions; told: readonly ToldAlert[]; log: Log },
): Promise<void> {
  const { url, secret } = alerts;
  if (url === undefined || told.length === 0) return;
  const { rows } = await client.query<{ lane: string }>(
    'select posthorn.lane_of($1)::text as lane',
    [url],
  );
  const heard = told.filter(
    ({ rule, subject }) => rule !== 'breaker_open' || subject !== rows[0]?.lane,
  );
  if (heard.length === 0) return;
  await client.query('savepoint message');
  try {
    await client.query(
      `insert into posthorn.outbox (url, body, secret, priority) values ($1, $2, $3, 'high')`,
      [url, alertMessage(heard), secret ?? null],
    );
  } catch (error) {
    // The webhook was refused, but the alerts are in the table and in the log.
    await client.query('rollback to savepoint message');
    log.error({ error: String(error) }, 'Cannot enqueue the webhook that announces alerts');
  }
}

function tell(alert: ToldAlert, { events, log }: { events: Events; log: Log }): void {
  const { event, rule, subject, severity, detail } = alert;
  const fields = { alert: rule, subject, event, severity, ...detail };
  switch (event) {
    case 'resolved':
      log.info(fields, `Alert resolved: ${alert.summary}`);
      events.emit('alertResolved', alert);
      return;
    case 'fired':
    case 'reminded':
      if (severity === 'critical') log.error(fields, `Alert: ${alert.summary}`);
      else log.warn(fields, `Alert: ${alert.summary}`);
      events.emit(event === 'fired' ? 'alertFired' : 'alertReminded', alert);
      return;
    default:
      event satisfies never;
  }
}
