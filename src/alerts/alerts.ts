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
 * The alerts: facts → rules → what changed → posthorn.alerts, and whoever is to be told.
 *
 * The rows and the webhook that tells of them are one transaction, so a crash here loses neither or both; only the line in
 * the log and the event come after it. One evaluation at a time, and a unique index besides: nothing fires twice.
 */

/** Where people are told, and from when on. */
export interface AlertOptions {
  readonly thresholds: AlertThresholds;
  /** Gets a webhook with each change; undefined: the log and the table are all. */
  readonly url: string | undefined;
  /** Signs it. */
  readonly secret: string | undefined;
}

interface EvaluationOptions {
  readonly alerts: AlertOptions;
  /** POSTHORN_ENVIRONMENT; empty: not set. */
  readonly environment: string;
  readonly events: Events;
  readonly log: Log;
  /** Only if nobody has evaluated for so long. */
  readonly ifOlderThanMs?: number;
}

/** Evaluates the rules once; says what people were told. Undefined when another process is at it, or has just been. */
export async function evaluateAlerts(
  pool: Pool,
  { alerts, environment, events, log, ifOlderThanMs }: EvaluationOptions,
): Promise<readonly ToldAlert[] | undefined> {
  if (!(await isDue(pool, ifOlderThanMs))) return undefined;
  // A transaction of its own, as it counts by now(), and as others who want to count would find it locked until the end.
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
    // It would wait with all the others, and be sent when it is long out of date.
    if (facts.hold === null) await enqueueMessage(client, { alerts, told: written, log });
    return written;
  });
  for (const alert of told ?? []) tell(alert, { events, log });
  return told;
}

/** Holds the plans where the indexes are, as for the engine's own statements, and ends what takes too long all the same. */
const settings = `
  ${pinStatement({ isLocal: true })};
  set local enable_seqscan = off;
  set local enable_hashjoin = off;
  set local enable_mergejoin = off;
  set local statement_timeout = '20s'`;

/** Whoever cannot have the lock need not wait: the rules are being evaluated at this moment. */
async function isOurTurn(client: PoolClient, ifOlderThanMs = 0): Promise<boolean> {
  const { rows } = await client.query<{ isFree: boolean }>(
    'select pg_try_advisory_xact_lock($1, $2) as "isFree"',
    [lockClass, alertLock],
  );
  if (rows[0]?.isFree !== true) return false;
  // A statement of its own: its snapshot is of a time when the lock was ours.
  return isDue(client, ifOlderThanMs);
}

async function isDue(client: Pool | PoolClient, ifOlderThanMs = 0): Promise<boolean> {
  const { rows } = await client.query<{ isDue: boolean }>(
    // A time to come: the clock was set back since.
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
 * Through the engine like any other webhook: signed, retried, recorded, and to no address that is not allowed.
 *
 * That the endpoint of the alerts itself fails is not told there: nobody would hear it. Nor do attempts at it count for the
 * failure rate, so no alert is the cause of another.
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
    // Refused: the alerts stand in the table and in the log all the same.
    await client.query('rollback to savepoint message');
    log.error({ error: String(error) }, 'Cannot enqueue the webhook that tells of alerts');
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
