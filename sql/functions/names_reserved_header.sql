-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- Whether one of the headers is set by the connection or by Posthorn itself. Host would also choose the name that the certificate
-- is checked for. src/domain/reserved-headers.ts has the same list.
--
-- Its body is parsed when it is created: see uuid_v7().
create or replace function posthorn.names_reserved_header(headers jsonb) returns boolean
  language sql immutable parallel safe
  return pg_catalog.jsonb_path_exists(headers, '$.keyvalue() ? (@.key like_regex
    "^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-length|content-type|content-encoding|accept-encoding|cookie|idempotency-key|traceparent|webhook-.*|x-webhook-.*)$" flag "is")');

comment on function posthorn.names_reserved_header(jsonb) is 'Whether one of the headers is set by the connection or by Posthorn itself.';
