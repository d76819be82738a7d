import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

const maxFormer = 2;

const changeRow = z.object({ former: z.int() });

/**
 * Gives an endpoint a new secret, which is stored as given, sealed or not. During the overlap the previous secret signs
 * too, and older ones sign until they expire; without an overlap all of them end at once.
 */
export async function rotateSecret(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  {
    id,
    secret,
    publicKey,
    overlapS,
  }: {
    readonly id: string;
    readonly secret: string;
    readonly publicKey: string | null;
    readonly overlapS: number;
  },
): Promise<'done' | 'missing' | 'too many'> {
  const found = await connection.maybeOne(sql.type(changeRow)`
    with found as materialized (
      select id, secret, public_key, former_secrets
      from posthorn.endpoints
      where id = ${id}::uuid and status <> 'deleted'
      for update
    ),
    next as materialized (
      select
        f.id,
        case when ${overlapS}::integer = 0 then '[]'
          else coalesce(
            (
              select jsonb_agg(one order by place)
              from (
                select
                  0 as place,
                  jsonb_build_object(
                    'secret', f.secret,
                    'public_key', f.public_key,
                    'expires_at', now() + ${overlapS}::integer * interval '1 second') as one
                where f.secret is not null
                union all
                select kept.place, kept.one
                from jsonb_array_elements(
                  case jsonb_typeof(f.former_secrets) when 'array' then f.former_secrets else '[]' end
                ) with ordinality as kept (one, place)
                where posthorn.time_of(kept.one ->> 'expires_at') > now()
              ) as former
            ),
            '[]')
        end as former
      from found as f
    ),
    changed as (
      update posthorn.endpoints as e
      set
        secret = ${secret}::text,
        public_key = ${publicKey}::text,
        former_secrets = nullif(n.former, '[]')
      from next as n
      where e.id = n.id and jsonb_array_length(n.former) <= ${maxFormer}
    )
    select jsonb_array_length(former) as former
    from next`);
  if (found === null) return 'missing';
  return found.former > maxFormer ? 'too many' : 'done';
}
