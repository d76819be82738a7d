-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- The key of a tenant; null for the application itself. Not "strict", as in origin_of().
create or replace function posthorn.tenant_key(tenant text) returns bigint
  language sql immutable parallel safe
  return case when tenant <> '' then posthorn.key_of('tenant ' || tenant) end;

comment on function posthorn.tenant_key(text) is 'The key of a tenant. Null: the application itself.';
