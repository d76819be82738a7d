import type pg from 'pg';
import { standingViolations } from '../checks.ts';
import type { Standing } from '../counters.ts';
import type { Watched } from '../receiver-books.ts';

/** What the tables hold of one endpoint, and of all others. */
export interface StandingApart {
  readonly ordinary: Standing;
  readonly special: Standing;
}

export async function readStandingApart(client: pg.Client, url: string): Promise<StandingApart> {
  const { rows } = await client.query<StandingApart>(
    `with known as (
       select lane = posthorn.lane_of($1::text) as is_special, 1 as queued, 0 as outcomes, 0 as delivered, attempts
       from posthorn.queue
       union all
       select lane = posthorn.lane_of($1::text), 0, 1, (status = 'delivered')::integer, attempts
       from posthorn.outcomes
     ),
     counted as (
       select
         coalesce(sum(queued) filter (where is_special), 0) as special_queued,
         coalesce(sum(outcomes) filter (where is_special), 0) as special_outcomes,
         coalesce(sum(delivered) filter (where is_special), 0) as special_delivered,
         coalesce(sum(attempts) filter (where is_special), 0) as special_attempts,
         coalesce(sum(queued) filter (where not is_special), 0) as queued,
         coalesce(sum(outcomes) filter (where not is_special), 0) as outcomes,
         coalesce(sum(delivered) filter (where not is_special), 0) as delivered
       from known
     ),
     tried as (
       select count(*) as attempts, count(*) filter (where finished_at is null) as open_attempts
       from posthorn.attempts
     )
     select
       json_build_object(
         'queued', queued, 'outcomes', outcomes, 'delivered', delivered,
         'attempts', attempts - special_attempts, 'openAttempts', open_attempts) as ordinary,
       json_build_object(
         'queued', special_queued, 'outcomes', special_outcomes, 'delivered', special_delivered,
         'attempts', special_attempts, 'openAttempts', open_attempts) as special
     from counted, tried`,
    [url],
  );
  const standing = rows[0];
  if (standing === undefined) throw new Error('Postgres returned no standing');
  return standing;
}

/** Every ordinary webhook delivered exactly once; every special one there, and every request of it an attempt. */
export function apartViolations(
  { ordinary, special }: StandingApart,
  wanted: { readonly ordinary: number; readonly special: number; readonly watched: Watched },
): string[] {
  const { watched } = wanted;
  const must = {
    'webhooks of the special endpoint': [special.queued + special.outcomes, wanted.special],
    'attempts of the special endpoint': [special.attempts, watched.requests],
    'bad signatures at the special endpoint': [watched.badSignatures, 0],
  } as const;
  return [
    ...standingViolations(ordinary, wanted.ordinary),
    ...Object.entries(must)
      .filter(([, [is, wants]]) => is !== wants)
      .map(([name, [is, wants]]) => `${name}: ${is}, must be ${wants}`),
  ];
}
