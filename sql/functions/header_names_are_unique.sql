-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- Whether the header names are still different when case is ignored.
--
-- Its body is parsed when it is created: see uuid_v7().
create or replace function posthorn.header_names_are_unique(headers jsonb) returns boolean
  language sql immutable parallel safe
  begin atomic
    select pg_catalog.count(*) = pg_catalog.count(distinct pg_catalog.lower(name))
    from pg_catalog.jsonb_object_keys(
      case when pg_catalog.jsonb_typeof(headers) = 'object' then headers else '{}' end) as name;
  end;

comment on function posthorn.header_names_are_unique(jsonb) is 'Whether the names of headers differ in more than their case.';
