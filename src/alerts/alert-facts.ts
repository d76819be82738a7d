import type { PoolClient, QueryResultRow } from 'pg';
import { queryOf, sqlFile } from '../db/sql-file.ts';
import type { AlertFacts, AlertThresholds } from '../domain/alert-rules.ts';
import { breakerRules } from '../domain/breaker.ts';
import type { Hold } from '../domain/hold.ts';

/** At most this many alerts about single endpoints begin in one evaluation; the next evaluation takes the next ones. */
const maxNew = 100;

const failuresSql = sqlFile('alert-failures');
const breakersSql = sqlFile('alert-breakers');
const endpointsSql = sqlFile('alert-endpoints');
const tenantsSql = sqlFile('alert-tenants');
const healthSql = sqlFile('alert-health');
const horizonSql = sqlFile('alert-horizon');
const throttledSql = sqlFile('alert-throttled');

/**
 * Reads the facts that the rules judge. Each statement reads a bounded number of rows, however large the history and
 * the backlog are.
 */
export async function readAlertFacts(
  client: PoolClient,
  { thresholds, environment }: { thresholds: AlertThresholds; environment: string },
): Promise<AlertFacts> {
  const { windowMs, minAttempts, breakerOpenMs, endpointFailingMs } = thresholds;
  const rates = await ask<{
    id: string | null;
    url: string;
    attempts: number;
    failures: number;
    is_waiting: boolean | null;
  }>(client, queryOf(failuresSql, { windowS: windowMs / 1_000, minAttempts, maxNew: maxNew }));
  const total = rates.find(({ id }) => id === null);
  const [waiting] = await ask<{
    due: number | null;
    oldest_ms: number | null;
    unfinished: number | null;
  }>(client, backlogSql);
  const [throttled] = await ask<{ due: number; oldest_ms: number | null }>(
    client,
    queryOf(throttledSql, { maxCounted: thresholds.backlog }),
  );
  const breakers = await ask<{
    key: string;
    is_origin: boolean;
    url: string;
    failing_ms: number;
    failures: number;
    last_error: string | null;
  }>(client, queryOf(breakersSql, { failingS: breakerOpenMs / 1_000, maxNew: maxNew }));
  const failing = await ask<{
    id: string;
    url: string;
    failing_ms: number | null;
    last_error: string | null;
    disabled_as: 'failing' | 'gone' | null;
  }>(
    client,
    queryOf(endpointsSql, {
      failingS: Math.min(...endpointFailingMs) / 1_000,
      minFailures: breakerRules.failures,
      maxNew: maxNew,
    }),
  );
  const fullTenants = await ask<{
    id: string;
    full_ms: number;
    max_waiting: number;
    refuses: boolean;
  }>(client, queryOf(tenantsSql, { maxNew }));
  const [health] = await ask<{
    alive: number;
    without_egress: number;
    not_claiming: { workers: number; failing_ms: number; error: string | null } | null;
    missing_partitions: string[];
    missing_keys: string[];
  }>(client, healthSql);
  const [horizon] = await ask<{ pinned_ms: number | null; holder: string | null }>(
    client,
    horizonSql,
  );
  const notClaiming = health?.not_claiming ?? null;
  const [hold] = await ask<Hold>(client, { ...holdSql, values: [environment] });
  return {
    hold: hold ?? null,
    total: {
      attempts: total?.attempts ?? 0,
      failures: total?.failures ?? 0,
      isWaiting: (waiting?.unfinished ?? 0) > 0,
    },
    endpoints: rates.flatMap(({ id, url, attempts, failures, is_waiting: isWaiting }) =>
      id === null ? [] : [{ id, url, attempts, failures, isWaiting: isWaiting ?? false }],
    ),
    backlog: {
      due: waiting?.due ?? 0,
      oldestMs: waiting?.oldest_ms ?? null,
      throttled: { due: throttled?.due ?? 0, oldestMs: throttled?.oldest_ms ?? null },
    },
    breakers: breakers.map((row) => ({
      key: row.key,
      isOrigin: row.is_origin,
      url: row.url,
      failingMs: row.failing_ms,
      failures: row.failures,
      lastError: row.last_error,
    })),
    failing: failing.map((row) => ({
      id: row.id,
      url: row.url,
      failingMs: row.failing_ms,
      lastError: row.last_error,
      disabledAs: row.disabled_as,
    })),
    fullTenants: fullTenants.map((row) => ({
      id: row.id,
      fullMs: row.full_ms,
      maxWaiting: row.max_waiting,
      refuses: row.refuses,
    })),
    workers: {
      alive: health?.alive ?? 0,
      withoutEgress: health?.without_egress ?? 0,
      notClaiming: notClaiming && {
        workers: notClaiming.workers,
        failingMs: notClaiming.failing_ms,
        error: notClaiming.error ?? 'unknown error',
      },
    },
    horizon:
      typeof horizon?.pinned_ms !== 'number'
        ? null
        : { pinnedMs: horizon.pinned_ms, holder: horizon.holder ?? 'something' },
    missingPartitions: health?.missing_partitions ?? [],
    missingKeys: health?.missing_keys ?? [],
  };
}

/** The backlog does not include webhooks that are not to be sent now, because their endpoint is down or held. */
const backlogSql = {
  text: `
    select
      (sum(webhooks) filter (where state = 'due'))::float8 as due,
      (max(oldest_due_s) filter (where state = 'due') * 1000)::float8 as oldest_ms,
      (sum(webhooks) filter (where state <> 'scheduled'))::float8 as unfinished
    from posthorn.stats as s
    cross join lateral jsonb_to_recordset(s.figures -> 'queue')
      as q (state text, webhooks bigint, oldest_due_s numeric)`,
};

const holdSql = { text: 'select kind, reason from posthorn.held($1)' };

/**
 * Not prepared under a name: once a minute it would gain nothing, and a pooler in transaction mode may not support it.
 */
async function ask<Row extends QueryResultRow>(
  client: PoolClient,
  { text, values = [] }: { readonly text: string; readonly values?: unknown[] },
): Promise<Row[]> {
  const { rows } = await client.query<Row>(text, values);
  return rows;
}
