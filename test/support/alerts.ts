import { expect } from 'vitest';
import { type AlertOptions, evaluateAlerts } from '../../src/alerts/alerts.ts';
import { readConfig } from '../../src/config/config.ts';
import { graphileSchema } from '../../src/db/names.ts';
import { createEvents, type Events } from '../../src/events.ts';
import type { Posthorn } from '../../src/posthorn.ts';
import type { TestDatabase } from './database.ts';
import { eventually } from './eventually.ts';

/** Where the alerts of the tests go unless a test has a receiver for them. */
export const alertUrl = 'http://127.0.0.1:9/alerts';

/** Evaluates the rules as the crontab of a worker or the timer of the API does. */
export type Evaluate = () => Promise<unknown>;

/** The settings that these variables make. */
export function alertOptions(env: Record<string, string> = {}): AlertOptions {
  return readConfig({ POSTHORN_ALERT_URL: alertUrl, ...env }).alerts;
}

/** Evaluates in this process, as nobody works. */
export function evaluateHere(
  { pool }: TestDatabase,
  { env = {}, events = createEvents() }: { env?: Record<string, string>; events?: Events } = {},
): Evaluate {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  return async () => {
    // What is counted for everybody at most every so often is counted anew.
    await pool.query(`update posthorn.stats set taken_at = '-infinity'`);
    return evaluateAlerts(pool, { alerts: alertOptions(env), environment: '', events, log });
  };
}

/** Runs the scheduled task in an engine, and waits until it is done. */
export function evaluateBy({ events }: Posthorn, { pool }: TestDatabase): Evaluate {
  return async () => {
    const done = new Promise<void>((resolve) => {
      const onMaintained = ({ task }: { task: string }) => {
        if (task !== 'posthorn:alerts') return;
        events.off('maintained', onMaintained);
        resolve();
      };
      events.on('maintained', onMaintained);
    });
    await pool.query(`select ${graphileSchema}.add_job('posthorn:alerts')`);
    await done;
  };
}

/** An alert as it stands in the table. */
export interface AlertRow {
  readonly rule: string;
  readonly subject: string;
  readonly severity: string;
  readonly summary: string;
  readonly detail: Record<string, unknown>;
  readonly step: number;
  readonly state: 'noticed' | 'firing' | 'resolved';
}

/** All alerts of a rule, oldest first. */
export async function alertsOf({ pool }: TestDatabase, rule: string): Promise<AlertRow[]> {
  const { rows } = await pool.query<AlertRow>(
    `select rule, subject, severity, summary, detail, step,
       case when resolved_at is not null then 'resolved' when fired_at is not null then 'firing' else 'noticed' end as state
     from posthorn.alerts
     where rule = $1
     order by since`,
    [rule],
  );
  return rows;
}

/** What was told of a rule by webhook, in order: fired, reminded, resolved. */
export async function toldOf({ pool }: TestDatabase, rule: string): Promise<string[]> {
  const { rows } = await pool.query<{ event: string }>(
    `select alert ->> 'event' as event
     from posthorn.outbox as o
     cross join lateral jsonb_array_elements(o.body::jsonb -> 'alerts') as alert
     where o.url like '%/alerts%' and alert ->> 'rule' = $1
     order by o.id`,
    [rule],
  );
  return rows.map(({ event }) => event);
}

/** Evaluates until it has come to that. More than once where the crontab's own turn, every full minute, comes in between. */
async function evaluateUntil(
  database: TestDatabase,
  { rule, evaluate, condition }: { rule: string; evaluate: Evaluate; condition: string },
): Promise<void> {
  await eventually(async () => {
    await evaluate();
    const { rows } = await database.pool.query(
      `select from posthorn.alerts where rule = $1 and ${condition}`,
      [rule],
    );
    return rows.length > 0;
  }, `${rule}: ${condition}`);
}

/** The condition is there: the rule fires, and however often it is evaluated, once. */
export async function expectFiresOnce(
  database: TestDatabase,
  { rule, evaluate }: { rule: string; evaluate: Evaluate },
): Promise<AlertRow> {
  await evaluateUntil(database, { rule, evaluate, condition: 'resolved_at is null' });
  // What has to last for some time has lasted.
  await database.pool.query(`update posthorn.alerts set since = since - interval '10 minutes'`);
  await evaluateUntil(database, { rule, evaluate, condition: 'fired_at is not null' });
  for (const _ of [1, 2]) await evaluate();
  const alerts = await alertsOf(database, rule);
  expect(alerts).toEqual([expect.objectContaining({ state: 'firing' })]);
  expect(await toldOf(database, rule)).toEqual(['fired']);
  const [alert] = alerts;
  if (alert === undefined) throw new Error('no alert');
  return alert;
}

/** The condition is over: the alert is resolved after a while, once. */
export async function expectResolvesOnce(
  database: TestDatabase,
  { rule, evaluate }: { rule: string; evaluate: Evaluate },
): Promise<void> {
  const before = await toldOf(database, rule);
  await evaluateUntil(database, { rule, evaluate, condition: 'clear_since is not null' });
  expect(await alertsOf(database, rule)).toEqual([expect.objectContaining({ state: 'firing' })]);
  await database.pool.query(
    `update posthorn.alerts set clear_since = clear_since - interval '10 minutes'`,
  );
  await evaluateUntil(database, { rule, evaluate, condition: 'resolved_at is not null' });
  for (const _ of [1, 2]) await evaluate();
  expect(await alertsOf(database, rule)).toEqual([expect.objectContaining({ state: 'resolved' })]);
  expect(await toldOf(database, rule)).toEqual([...before, 'resolved']);
}
