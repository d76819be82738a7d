import type { PoolClient } from 'pg';
import type { AlertChange } from '../domain/alert-changes.ts';
import type { ToldAlert } from '../domain/alert-message.ts';
import type { Finding } from '../domain/alert-rules.ts';

/** Writes the changes of alerts, and returns those to announce: the rows that this call changed. */
export async function writeAlertChanges(
  client: PoolClient,
  changes: readonly AlertChange[],
): Promise<ToldAlert[]> {
  const ids = (kind: AlertChange['kind']) =>
    changes.flatMap((change) => (change.kind === kind && 'id' in change ? [change.id] : []));
  await update(client, 'set clear_since = null', ids('return'));
  await update(client, 'set clear_since = clock_timestamp()', ids('clear'));
  await client.query(
    'delete from posthorn.alerts where id = any ($1::uuid[]) and fired_at is null',
    [ids('forget')],
  );
  await refresh(client, changes);
  return [
    ...(await begin(client, changes)),
    ...(await tellOf(client, changes)),
    ...(await update(client, 'set resolved_at = clock_timestamp()', ids('resolve'))).map((row) =>
      toTold(row, 'resolved'),
    ),
  ];
}

interface AlertRow extends Omit<ToldAlert, 'event'> {
  readonly step: number;
}

const returned = `
  a.id, a.rule, a.subject, a.severity, a.summary, a.detail, a.step,
  to_char(a.fired_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "firedAt",
  to_char(a.resolved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "resolvedAt"`;

async function begin(client: PoolClient, changes: readonly AlertChange[]): Promise<ToldAlert[]> {
  const begun = changes.flatMap((change) =>
    change.kind === 'begin' ? [{ ...contentOf(change.finding), step: change.step }] : [],
  );
  if (begun.length === 0) return [];
  const { rows } = await client.query<AlertRow>(
    `insert into posthorn.alerts as a (rule, subject, severity, summary, detail, step, fired_at, told_at)
     select
       n.rule, n.subject, n.severity, n.summary, n.detail, n.step,
       case when n.step > 0 then clock_timestamp() end,
       case when n.step > 0 then clock_timestamp() end
     from jsonb_to_recordset($1::jsonb) as n (
       rule text, subject text, severity text, summary text, detail jsonb, step smallint)
     -- Another process was faster, and announces it.
     on conflict (rule, subject) where resolved_at is null do nothing
     returning ${returned}`,
    [JSON.stringify(begun)],
  );
  return rows.filter(({ step }) => step > 0).map((row) => toTold(row, 'fired'));
}

async function tellOf(client: PoolClient, changes: readonly AlertChange[]): Promise<ToldAlert[]> {
  const told = changes.flatMap((change) =>
    change.kind === 'tell'
      ? [{ id: change.id, ...contentOf(change.finding), step: change.finding.step }]
      : [],
  );
  if (told.length === 0) return [];
  const first = new Set(
    changes.flatMap((change) => (change.kind === 'tell' && change.isFirst ? [change.id] : [])),
  );
  const { rows } = await client.query<AlertRow>(
    `update posthorn.alerts as a
     set
       severity = n.severity,
       summary = n.summary,
       detail = n.detail,
       step = n.step,
       fired_at = coalesce(a.fired_at, clock_timestamp()),
       told_at = clock_timestamp()
     from jsonb_to_recordset($1::jsonb) as n (
       id uuid, severity text, summary text, detail jsonb, step smallint)
     where a.id = n.id
       and a.step < n.step
       and a.resolved_at is null
     returning ${returned}`,
    [JSON.stringify(told)],
  );
  return rows.map((row) => toTold(row, first.has(row.id) ? 'fired' : 'reminded'));
}

/**
 * Keeps the text current, so that the table and the dashboard show how bad it is now, not how bad it was when the alert
 * fired.
 */
async function refresh(client: PoolClient, changes: readonly AlertChange[]): Promise<void> {
  const found = changes.flatMap((change) =>
    change.kind === 'update' ? [{ id: change.id, ...contentOf(change.finding) }] : [],
  );
  if (found.length === 0) return;
  await client.query(
    `update posthorn.alerts as a
     set summary = n.summary, detail = n.detail
     from jsonb_to_recordset($1::jsonb) as n (id uuid, summary text, detail jsonb)
     where a.id = n.id
       and a.resolved_at is null
       and (a.summary, a.detail) is distinct from (n.summary, n.detail)`,
    [JSON.stringify(found)],
  );
}

async function update(
  client: PoolClient,
  assignment: string,
  ids: readonly string[],
): Promise<AlertRow[]> {
  if (ids.length === 0) return [];
  const { rows } = await client.query<AlertRow>(
    `update posthorn.alerts as a ${assignment}
     where a.id = any ($1::uuid[]) and a.resolved_at is null
     returning ${returned}`,
    [ids],
  );
  return rows;
}

function contentOf({ rule, subject, severity, summary, detail }: Finding): object {
  return { rule, subject, severity, summary, detail };
}

function toTold({ step: _, ...alert }: AlertRow, event: ToldAlert['event']): ToldAlert {
  return { ...alert, event };
}
