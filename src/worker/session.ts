import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { connect } from '../db/connect.ts';
import { lockClass, wakeChannel } from '../db/names.ts';
import { pinStatement } from '../db/session-settings.ts';
import { parseWakeCall } from '../db/wake-call.ts';
import type { ClaimsFailing } from '../deliver/claim-trouble.ts';
import type { ReportedGroup } from '../deliver/held-back-report.ts';
import type { LaneCall } from '../lanes/lane-calls.ts';
import type { Timings } from './timings.ts';

/*
 * The session of a worker: one direct connection that holds the worker's number as an advisory lock and listens for
 * wake-ups. Postgres frees the lock as soon as the process dies, so the other workers notice (I7).
 */

interface SessionOptions {
  readonly databaseUrl: string;
  /** The number to take if it is free, or becomes free within 3 s. */
  readonly preferred: number | undefined;
  readonly timings: Pick<Timings, 'heartbeatMs' | 'heartbeatTimeoutMs'>;
  /** A webhook was enqueued. */
  readonly onWake: () => void;
  /** Webhooks were put back: all lanes must be scanned. */
  readonly onScan: () => void;
  /** A lane may be sent to again, or its rules have changed. */
  readonly onLaneCalled: (key: string, call: LaneCall) => void;
  /** A notification has a payload that Posthorn does not send. */
  readonly onUnknownCall: () => void;
  /** Whether most endpoints cannot be reached from here; reported with each heartbeat. */
  readonly isEgressDown: () => boolean;
  /** Whether claims have failed for a while; reported with each heartbeat. */
  readonly claimsFailing: () => ClaimsFailing | undefined;
  /** The tenants and origins that are held back; reported with each heartbeat. */
  readonly heldBack: () => readonly ReportedGroup[];
  /** The session was lost, and the number with it. Called once. */
  readonly onLost: (reason: string) => void;
}

/** A number that is ours until {@link close} or {@link SessionOptions.onLost}. */
export interface WorkerSession {
  readonly number: number;
  close(): Promise<void>;
}

const sessionSettings = {
  // The server's side of keepAlive: a worker whose network was cut loses its number after about 11 s.
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
  statement_timeout: '0',
  idle_session_timeout: '0',
};

/** Connects, takes the lowest free number and listens. Throws when Postgres cannot be reached. */
export async function openSession(options: SessionOptions): Promise<WorkerSession> {
  const { heartbeatMs, heartbeatTimeoutMs } = options.timings;
  const client = await connect(options.databaseUrl, {
    application_name: 'posthorn worker',
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    query_timeout: heartbeatTimeoutMs,
  });
  let isOver = false;
  let heartbeat: NodeJS.Timeout | undefined;
  const end = (reason: string) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(heartbeat);
    // A half-open connection does not answer an orderly end.
    client.end().catch(() => {});
    options.onLost(reason);
  };
  client.on('error', (error) => end(error.message));
  client.on('end', () => end('the connection was closed'));
  client.on('notification', ({ payload = '' }) => hear(payload, options));
  try {
    await client.query(pinStatement({ more: sessionSettings }));
    const number = (await takePreferred(client, options.preferred)) ?? (await takeNumber(client));
    await client.query(`listen ${wakeChannel}`);
    // One heartbeat at a time, so that queries do not pile up on a dead connection.
    const beat = async () => {
      const failing = options.claimsFailing();
      const heldBack = JSON.stringify(options.heldBack());
      try {
        await client.query(
          `update posthorn.workers
           set
             seen_at = clock_timestamp(),
             egress_down_since = case when $2 then coalesce(egress_down_since, clock_timestamp()) end,
             claims_failing_since = clock_timestamp() - $3::float8 * interval '1 millisecond',
             claim_error = $4,
             held_back = case when held_back = $5::jsonb then held_back else $5::jsonb end
           where number = $1`,
          [number, options.isEgressDown(), failing?.forMs, failing?.reason, heldBack],
        );
        if (!isOver) heartbeat = setTimeout(() => void beat(), heartbeatMs);
      } catch (error) {
        end(`no heartbeat: ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    heartbeat = setTimeout(() => void beat(), heartbeatMs);
    return {
      number,
      close: async () => {
        if (isOver) return;
        isOver = true;
        clearTimeout(heartbeat);
        await client.end();
      },
    };
  } catch (error) {
    isOver = true;
    await client.end().catch(() => {});
    throw error;
  }
}

function hear(payload: string, options: SessionOptions): void {
  const call = parseWakeCall(payload);
  if (call === undefined) options.onUnknownCall();
  else if (call.kind === 'wake') options.onWake();
  else if (call.kind === 'scan') options.onScan();
  else options.onLaneCalled(call.key, call.kind);
}

/**
 * Takes the preferred number. After a lost connection, Postgres may need a moment to free the lock of our former
 * session.
 */
async function takePreferred(
  client: pg.Client,
  preferred: number | undefined,
): Promise<number | undefined> {
  if (preferred === undefined) return undefined;
  for (const deadlineMs = performance.now() + 3_000; performance.now() < deadlineMs; ) {
    const { rows } = await client.query<{ taken: boolean }>(
      'select pg_try_advisory_lock($1::integer, $2::integer) as taken',
      [lockClass, preferred],
    );
    if (rows[0]?.taken === true) return preferred;
    await delay(200);
  }
  return undefined;
}

/** Takes the lowest number whose lock is free. Numbers are reused, so that Graphile Worker's task table stays small. */
async function takeNumber(client: pg.Client): Promise<number> {
  for (;;) {
    const { rows } = await client.query<{ number: number | null }>(
      `with free as (
         select n
         from generate_series(1, 1 + (select count(*) from pg_locks where locktype = 'advisory')) as n
         where not exists (
           select
           from pg_locks
           where locktype = 'advisory' and classid = $1::integer::oid and objid = n::oid and objsubid = 2
             and database = (select oid from pg_database where datname = current_database()))
         order by n
         limit 1)
       select case when pg_try_advisory_lock($1::integer, n::integer) then n::integer end as number from free`,
      [lockClass],
    );
    const number = rows[0]?.number;
    if (number !== null && number !== undefined) return number;
  }
}
