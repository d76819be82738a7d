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

const lowestId = '00000000-0000-0000-0000-000000000000';

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
  #fromMs = 0;
  /** The rest of a look that found more than a page. */
  #after = lowestId;
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
      webhooksFrom({ fromMs: this.#fromMs, after: this.#after, filter: this.#filter }),
    );
    const webhooks = rows.filter(({ webhook_id: id }) => !this.#seen.has(id));
    // Only those that the next look reads again.
    for (const { webhook_id: id } of webhooks) {
      if (uuidTimeMs(id) >= nextFromMs) this.#seen.add(id);
    }
    const last = rows.length < pageSize ? undefined : rows.at(-1);
    if (last === undefined) this.#endLook(nextFromMs);
    else this.#after = last.webhook_id;
    return { webhooks: [...webhooks], hasMore: last !== undefined };
  }

  #endLook(nextFromMs: number): void {
    this.#fromMs = nextFromMs;
    this.#after = lowestId;
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
      this.#fromMs = this.#startMs;
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
  const isOne = sql.fragment`w.webhook_id = any(${sql.array([...ids], 'uuid')})`;
  return connection.any(statement({ bound: isOne, filter: {} }));
}

function webhooksFrom(options: {
  readonly fromMs: number;
  readonly after: string;
  readonly filter: FollowFilter;
}) {
  const { fromMs, after, filter } = options;
  const bound = sql.fragment`w.webhook_id >= ${lowestIdOf(fromMs)}::uuid and w.webhook_id > ${after}::uuid`;
  return statement({ bound, filter });
}

/** As in the view posthorn.webhooks: that of the endpoint, also for a broadcast. */
const tenantOf = sql.fragment`coalesce(nullif(case when o.event_type is null then o.tenant end, ''), e.tenant, o.tenant)`;

/** Webhooks in the order of their ids. Cancelled ones are left out: nobody wants to have them sent. */
function statement({
  bound,
  filter: { endpointId, tenant, eventType },
}: {
  readonly bound: FragmentSqlToken;
  readonly filter: FollowFilter;
}) {
  const conditions = [
    bound,
    ...(endpointId === undefined
      ? []
      : [sql.fragment`w.lane = posthorn.lane_of(${endpointId}::uuid)`]),
  ];
  const where = sql.join(conditions, sql.fragment` and `);
  const rest = [
    sql.fragment`true`,
    ...(tenant === undefined ? [] : [sql.fragment`${tenantOf} = ${tenant}`]),
    ...(eventType === undefined ? [] : [sql.fragment`o.event_type = ${eventType}`]),
  ];
  return sql.type(followed)`
    select
      w.webhook_id,
      w.outbox_id,
      o.event_type,
      ${tenantOf} as tenant,
      e.id as endpoint_id,
      w.lane::text as lane,
      split_part(coalesce(o.url, e.url, ''), '?', 1) as url
    from (
      select w.webhook_id, w.outbox_id, w.lane
      from posthorn.queue as w
      where ${where}
      union all
      select w.webhook_id, w.outbox_id, w.lane
      from posthorn.outcomes as w
      where ${where} and w.status <> 'cancelled'
    ) as w
    cross join lateral (
      select x.url, x.tenant, x.event_type from posthorn.outbox as x where x.id = w.outbox_id offset 0
    ) as o
    left join posthorn.endpoints as e on e.lane = w.lane and o.url is null
    where ${sql.join(rest, sql.fragment` and `)}
    order by w.webhook_id
    limit ${pageSize}`;
}
