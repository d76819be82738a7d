import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { time } from './shapes.ts';

export const catchUpStatuses = ['running', 'finished', 'cancelled'] as const;

/** A catch-up of an endpoint and its progress. Times are RFC 3339 in UTC. */
export const catchUpRow = z
  .object({
    status: z.enum(catchUpStatuses),
    since: time.describe('Events published from then on.'),
    webhooks: z.int().describe('Queued so far.'),
    read_count: z.int().describe('Events read so far.'),
    created_at: time,
    finished_at: time.nullable(),
  })
  .meta({ id: 'CatchUp' });

export type CatchUpRow = z.infer<typeof catchUpRow>;

/** The latest catch-up of an endpoint; null: there was none. */
export async function latestCatchUp(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  endpointId: string,
): Promise<CatchUpRow | null> {
  return await connection.maybeOne(sql.type(catchUpRow)`
    select status, since, webhooks::float8 as webhooks, read_count::float8 as read_count, created_at, finished_at
    from posthorn.catch_ups
    where endpoint_id = ${endpointId}::uuid
    order by endpoint_id desc, id desc
    limit 1`);
}

const missedRow = z.object({ missed: z.number().nullable() });

/**
 * Lets an endpoint catch up with the events since a time, or only counts them. Returns how many it has missed, counted
 * for at most 3 s or so: at least. Undefined: there is no such endpoint, or it was deleted.
 */
export async function catchUp(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  order: {
    readonly endpointId: string;
    readonly since: string;
    readonly isDryRun: boolean;
    readonly rateLimitPerS: number;
  },
): Promise<number | undefined> {
  const { endpointId, since, isDryRun, rateLimitPerS } = order;
  const missed = await connection.oneFirst(sql.type(missedRow)`
    select
      case
        when exists (select from posthorn.endpoints as e where e.id = ${endpointId}::uuid and e.status <> 'deleted')
        then posthorn.catch_up(
          endpoint_id => ${endpointId}::uuid,
          since => ${since}::timestamptz,
          dry_run => ${isDryRun}::boolean,
          rate_limit_per_s => ${rateLimitPerS}::double precision)::float8
      end as missed`);
  return missed ?? undefined;
}

const wasThere = z.object({ is_there: z.boolean() });

/** Ends the catch-up of an endpoint, if one is running; false: there is no such endpoint. */
export async function cancelCatchUp(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  endpointId: string,
): Promise<boolean> {
  return await connection.oneFirst(sql.type(wasThere)`
    select
      exists (select from posthorn.endpoints as e where e.id = ${endpointId}::uuid and e.status <> 'deleted')
        and posthorn.cancel_catch_up(${endpointId}::uuid) is not null as is_there`);
}
