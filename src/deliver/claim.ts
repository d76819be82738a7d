import type { Pool } from 'pg';
import { plainArray } from '../db/plain-array.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { AttemptedWebhook } from '../domain/attempt.ts';
import type { LaneGroups } from '../domain/lane.ts';
import { nextXidOf, type Sighting } from '../domain/visibility.ts';
import type { DiscoveredLane, LaneAccess, SeenPage, TenantAccess } from '../lanes/lane.ts';
import type { LaneWish } from '../lanes/lane-wish.ts';

/** A webhook that this process has leased: all that is needed to send it and to record how it ended. */
export interface ClaimedWebhook extends AttemptedWebhook {
  readonly groups: LaneGroups;
  readonly dueMs: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>> | null;
  readonly contentType: string;
  /** The webhook's own. */
  readonly secret: string | null;
  /** As they are kept, mostly sealed: {@link CredentialStore} opens them. */
  readonly endpointSecret: string | null;
  readonly formerSecrets: string | null;
  readonly endpointHeaders: string | null;
  readonly maxAttempts: number | null;
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
  /** A test of this endpoint: signed as it signs. */
  readonly signedAs: string | null;
  /** Its endpoint was deleted: it is not sent. */
  readonly isEndpointDeleted: boolean;
  /** Those of its lane are sent one after another, and it keeps its place when it is tried again. */
  readonly isOrdered: boolean;
  /** The endpoint's own; null: the usual one. */
  readonly timeoutMs: number | null;
  readonly retryScheduleMs: readonly number[] | null;
  /** When the statement that claimed it began and ended, performance.now(). */
  readonly claimed: { readonly fromMs: number; readonly toMs: number };
}

export interface Claim {
  readonly webhooks: readonly ClaimedWebhook[];
  readonly discovered: readonly DiscoveredLane[];
  readonly page: SeenPage;
  readonly look: Sighting;
  /** It met its limit: a lane that was wished for may have more than it gave. */
  readonly isFull: boolean;
}

export interface ClaimRequest {
  readonly workerNumber: number;
  readonly limit: number;
  readonly wishes: readonly LaneWish[];
  /** Where the discovery window starts; undefined: do not discover. */
  readonly windowFromMs: number | undefined;
  /** Beyond a full window; 0 if it is not said. */
  readonly maxNewest?: number;
  /** Lanes that may get less than the usual slots when discovered. */
  readonly constrained: Readonly<Record<string, number>>;
  readonly usualSlots: number;
  /** The same for tenants and origins. */
  readonly usualGroupSlots: number;
  /** Of all lanes together that are discovered; as many as the limit if it is not said. */
  readonly maxFound?: number;
  readonly leaseS: number;
}

/** A row as claim.sql and probe.sql return it. */
export interface ClaimRow {
  webhook_id: string | null;
  outbox_id: string;
  lane: string;
  origin: string | null;
  tenant_key: string | null;
  priority: number;
  number: number;
  uncounted: number;
  past_attempts: number;
  due_ms: number;
  url: string;
  event_type: string | null;
  tenant: string;
  /** Null: the same as that of another row of its event. */
  body: string | null;
  headers: Record<string, string> | null;
  content_type: string;
  secret: string | null;
  max_attempts: number | null;
  idempotency_key: string | null;
  traceparent: string | null;
  endpoint_id: string | null;
  signed_as: string | null;
  endpoint_secret: string | null;
  former_secrets: string | null;
  endpoint_headers: string | null;
  is_endpoint_deleted: boolean;
  is_ordered: boolean;
  gone_answers: number;
  timeout_ms: number | null;
  retry_schedule_s: number[] | null;
  discovered: {
    now: number;
    xmin: string;
    xmax: string;
    age: number;
    full: boolean;
    seen: number;
    seen_to: number | null;
    lanes:
      | [
          ...[string, number, number, number, LaneAccess],
          ...[string | null, string | null, TenantAccess],
        ][]
      | null;
  } | null;
}

const claimSql = sqlFile('claim');

/**
 * Leases due webhooks and begins their attempts, in one statement.
 *
 * A crash after it: the leases are freed by the rescue, the attempts closed as abandoned.
 */
export async function claimWebhooks(pool: Pool, request: ClaimRequest): Promise<Claim> {
  const { wishes } = request;
  const fromMs = performance.now();
  const rows = await runSql<ClaimRow>(pool, claimSql, {
    workerNumber: request.workerNumber,
    maxWebhooks: request.limit,
    windowFromMs: request.windowFromMs ?? Number.POSITIVE_INFINITY,
    maxNewest: request.maxNewest ?? 0,
    maxFound: request.maxFound ?? request.limit,
    lanes: plainArray(wishes.map((wish) => wish.lane)),
    priorities: plainArray(wishes.map((wish) => wish.priority)),
    quotas: plainArray(wishes.map((wish) => wish.quota)),
    dueFromMs: plainArray(wishes.map((wish) => wish.dueFromMs)),
    ranks: plainArray(wishes.map((wish) => wish.rank)),
    areOwned: plainArray(wishes.map((wish) => wish.isOwned)),
    aheads: plainArray(wishes.map((wish) => wish.ahead ?? 1)),
    freeSlots: JSON.stringify(request.constrained),
    usualSlots: request.usualSlots,
    usualGroupSlots: request.usualGroupSlots,
    origins: plainArray(wishes.map((wish) => wish.groups.origin)),
    tenants: plainArray(wishes.map((wish) => wish.groups.tenant)),
    leaseS: request.leaseS,
  });
  const seen = rows.at(-1)?.discovered;
  if (seen === null || seen === undefined) throw new Error('claim.sql returned no last row');
  const claimed = { fromMs, toMs: performance.now() };
  const found = rows.slice(0, -1);
  const bodies = bodiesOf(found);
  return {
    webhooks: found.map((row) => toWebhook(row, { claimed, request, bodies })),
    discovered: (seen.lanes ?? []).map(
      ([lane, priority, waiting, dueMs, access, origin, tenant, tenantAccess]) => ({
        lane,
        priority,
        waiting,
        dueMs,
        access,
        tenantAccess,
        groups: { tenant, origin: origin ?? lane },
      }),
    ),
    page: { webhooks: seen.seen, toMs: seen.seen_to ?? 0 },
    look: {
      nowMs: seen.now,
      xmin: Number(seen.xmin),
      nextXid: nextXidOf({ ageOfThree: seen.age, xmax: Number(seen.xmax) }),
    },
    isFull: seen.full,
  };
}

/** The bodies of events that have several webhooks here: each was read once. */
function bodiesOf(rows: readonly ClaimRow[]): ReadonlyMap<string, string> | undefined {
  if (rows.every(({ body }) => body !== null)) return undefined;
  return new Map(rows.flatMap((row) => (row.body === null ? [] : [[row.outbox_id, row.body]])));
}

/** A claimed row as the rest of the engine knows it. */
export function toWebhook(
  row: ClaimRow,
  {
    claimed,
    request,
    bodies,
  }: {
    claimed: ClaimedWebhook['claimed'];
    request: Pick<ClaimRequest, 'workerNumber'>;
    bodies?: ReadonlyMap<string, string> | undefined;
  },
): ClaimedWebhook {
  if (row.webhook_id === null) throw new Error('claim.sql returned a row without an id');
  return {
    webhookId: row.webhook_id,
    outboxId: row.outbox_id,
    lane: row.lane,
    groups: { tenant: row.tenant_key, origin: row.origin ?? row.lane },
    priority: row.priority,
    number: row.number,
    uncounted: row.uncounted,
    pastAttempts: row.past_attempts,
    dueMs: row.due_ms,
    leasedBy: request.workerNumber,
    url: row.url,
    body: row.body ?? bodies?.get(row.outbox_id) ?? '',
    headers: row.headers,
    contentType: row.content_type,
    secret: row.secret,
    endpointSecret: row.endpoint_secret,
    formerSecrets: row.former_secrets,
    endpointHeaders: row.endpoint_headers,
    maxAttempts: row.max_attempts,
    idempotencyKey: row.idempotency_key,
    traceparent: row.traceparent,
    endpointId: row.endpoint_id,
    tenant: row.tenant,
    eventType: row.event_type,
    signedAs: row.signed_as,
    isEndpointDeleted: row.is_endpoint_deleted,
    isOrdered: row.is_ordered,
    goneAnswers: row.gone_answers,
    // A lease lasts longer than any legal one.
    timeoutMs: row.timeout_ms === null ? null : Math.min(Math.max(row.timeout_ms, 100), 60_000),
    retryScheduleMs: row.retry_schedule_s?.map((delayS) => delayS * 1_000) ?? null,
    isProbe: false,
    claimed,
  };
}
