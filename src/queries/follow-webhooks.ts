import { type CommonQueryMethods, type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { lowestIdOf, uuidTimeMs } from '../domain/uuid.ts';
import { nextXidOf, Visibility } from '../domain/visibility.ts';

/** A webhook as it was enqueued, without its content. */
const followed = z.object({
  webhook_id: z.string(),
  outbox_id: z.string(),
  /** Null: it is no event's. */
  event_type: z.string().nullable(),
  tenant: z.string(),
  /** Null: it goes to a URL. */
  endpoint_id: z.string().nullable(),
  lane: z.string(),
  url: z.string(),
});

export type FollowedWebhook = z.infer<typeof followed>;

/** Selects webhooks. All given conditions must hold. */
export interface FollowFilter {
  readonly endpointId?: string | undefined;
  readonly tenant?: string | undefined;
  readonly eventType?: string | undefined;
}

const sightingRow = z.object({
  now_ms: z.number(),
  xmin: z.string(),
  xmax: z.string(),
  age: z.int(),
  fan_out_id: z.string().nullable(),
});

/** Found in one statement. */
const pageSize = 500;
/** A transaction that commits later than this after it inserted a webhook is missed. */
const latestCommitMs = 600_000;
/** The id of a webhook is made a moment before its transaction gets one. */
const slackMs = 1_000;

/**
 * Follows the webhooks that are enqueued, by their ids, which begin with the time. It only reads.
 *
 * A webhook becomes visible when its transaction commits, so a look reaches back to the oldest transaction that was still running at
 * the look before ({@link Visibility}), and to the event of the oldest fan-out that a job carries out. A webhook that was seen is not
 * returned again.
 */
export class WebhookFollower {
  readonly #connection: Pick<CommonQueryMethods, 'any' | 'one'>;
  readonly #filter: FollowFilter;
  readonly #agoMs: number;
  readonly #visibility = new Visibility(latestCommitMs);
  readonly #seen = new Set<string>();
  /** Nothing enqueued before this is of interest. */
  #startMs: number | undefined;
  /** The last id that this look has read. */
  #after = lowestIdOf(0);
  /** Where the next look begins; undefined: the last one has ended. */
  #nextFromMs: number | undefined;

  /** `agoMs`: how far before now it begins. */
  constructor(
    connection: Pick<CommonQueryMethods, 'any' | 'one'>,
    { agoMs, ...filter }: FollowFilter & { readonly agoMs: number },
  ) {
    this.#connection = connection;
    this.#filter = filter;
    this.#agoMs = agoMs;
  }

  /** Returns the webhooks that have appeared since the last look, in the order of their ids, and if there are more right now. */
  async look(): Promise<{ readonly webhooks: FollowedWebhook[]; readonly hasMore: boolean }> {
    this.#nextFromMs ??= await this.#sight();
    const nextFromMs = this.#nextFromMs;
    const rows = await this.#connection.any(
      statement(sql.fragment`w.webhook_id > ${this.#after}::uuid`),
    );
    const webhooks = rows.filter((row) => this.#isAskedFor(row) && !this.#seen.has(row.webhook_id));
    // Only those that the next look reads again.
    for (const { webhook_id: id } of webhooks) {
      if (uuidTimeMs(id) >= nextFromMs) this.#seen.add(id);
    }
    const last = rows.length < pageSize ? undefined : rows.at(-1);
    if (last === undefined) this.#endLook(nextFromMs);
    else this.#after = last.webhook_id;
    return { webhooks, hasMore: last !== undefined };
  }

  #isAskedFor(webhook: FollowedWebhook): boolean {
    const { endpointId, tenant, eventType } = this.#filter;
    return (
      (endpointId === undefined || webhook.endpoint_id === endpointId) &&
      (tenant === undefined || webhook.tenant === tenant) &&
      (eventType === undefined || webhook.event_type === eventType)
    );
  }

  #endLook(nextFromMs: number): void {
    this.#after = lowestIdOf(nextFromMs);
    this.#nextFromMs = undefined;
    for (const id of this.#seen) if (uuidTimeMs(id) < nextFromMs) this.#seen.delete(id);
  }

  /** Before the webhooks are read, so that what is running now is looked for again. Returns where the next look begins. */
  async #sight(): Promise<number> {
    const row = await this.#connection.one(sql.type(sightingRow)`
      select
        (extract(epoch from now()) * 1000)::float8 as now_ms,
        pg_snapshot_xmin(pg_current_snapshot())::text as xmin,
        pg_snapshot_xmax(pg_current_snapshot())::text as xmax,
        age('3'::xid) as age,
        (select event_id from posthorn.fan_outs order by event_id limit 1) as fan_out_id`);
    const nowMs = row.now_ms;
    if (this.#startMs === undefined) {
      this.#startMs = Math.max(0, Math.floor(nowMs - this.#agoMs));
      this.#after = lowestIdOf(this.#startMs);
    }
    const xmax = Number(row.xmax);
    const nextXid = nextXidOf({ ageOfThree: row.age, xmax });
    const windowMs = this.#visibility.windowAfter({ nowMs, xmin: Number(row.xmin), nextXid });
    const fanOutMs = row.fan_out_id === null ? nowMs : uuidTimeMs(row.fan_out_id);
    return Math.floor(Math.max(this.#startMs, Math.min(windowMs - slackMs, fanOutMs)));
  }
}

/** Finds these webhooks, whenever they were enqueued. */
export async function findFollowed(
  connection: Pick<CommonQueryMethods, 'any'>,
  ids: readonly string[],
): Promise<readonly FollowedWebhook[]> {
  return connection.any(
    statement(sql.fragment`w.webhook_id = any(${sql.array([...ids], 'uuid')})`),
  );
}

/**
 * A page of webhooks in the order of their ids. Cancelled ones are left out: nobody wants to have them sent.
 *
 * What a page costs does not depend on how many follow: the first so many of each table, and then a look-up for each.
 */
function statement(where: FragmentSqlToken) {
  return sql.type(followed)`
    select
      w.webhook_id,
      w.outbox_id,
      o.event_type,
      -- As in the view posthorn.webhooks: that of the endpoint, also for a broadcast.
      coalesce(nullif(case when o.event_type is null then o.tenant end, ''), e.tenant, o.tenant, '') as tenant,
      e.id as endpoint_id,
      w.lane::text as lane,
      split_part(coalesce(o.url, e.url, ''), '?', 1) as url
    from (
      select *
      from (
        (
          select w.webhook_id, w.outbox_id, w.lane
          from posthorn.queue as w
          where ${where}
          order by w.webhook_id
          limit ${pageSize}
        )
        union all
        (
          select w.webhook_id, w.outbox_id, w.lane
          from posthorn.outcomes as w
          where ${where} and w.status <> 'cancelled'
          order by w.webhook_id
          limit ${pageSize}
        )
      ) as both_tables
      order by webhook_id
      limit ${pageSize}
    ) as w
    left join lateral (
      select x.url, x.tenant, x.event_type from posthorn.outbox as x where x.id = w.outbox_id offset 0
    ) as o on true
    left join posthorn.endpoints as e on e.lane = w.lane and o.url is null
    order by w.webhook_id`;
}
