-- Which keys seal the secrets of endpoints; null is plain text. Shows no secret.
create or replace view posthorn.secret_keys as
select key_id, count(distinct id)::integer as endpoints
from (
  select id, secret as kept
  from posthorn.endpoints
  where secret is not null
  union all
  select e.id, former ->> 'secret'
  from posthorn.endpoints as e
  cross join lateral jsonb_array_elements(
    case jsonb_typeof(e.former_secrets) when 'array' then e.former_secrets else '[]' end
  ) as former
  union all
  select id, case jsonb_typeof(headers) when 'string' then headers #>> '{}' else '' end
  from posthorn.endpoints
  where headers <> '{}'
) as secrets
cross join lateral (
  select case when starts_with(kept, 'sealed:') then split_part(kept, ':', 3) end as key_id
) as key
group by key_id;

comment on view posthorn.secret_keys is 'The keys that seal the secrets of endpoints; null: plain text.';
comment on column posthorn.secret_keys.key_id is 'The id of the key. Null: plain text.';
comment on column posthorn.secret_keys.endpoints is 'How many endpoints have a secret or headers that are kept so.';
