-- What subscribes to a type of event: the type itself, and all that stand for types below them. For 'order.refund.made':
-- 'order.refund.made', 'order.refund.*', 'order.*' and '*'. Each is then looked up by equality, so no pattern is matched.
create or replace function posthorn.type_and_above(event_type text) returns text[]
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
declare
  types text[] := array[event_type, '*'];
  rest text := event_type;
begin
  while position('.' in rest) > 0 loop
    rest := left(rest, length(rest) - position('.' in reverse(rest)));
    types := types || (rest || '.*');
  end loop;
  return types;
end
$$;

comment on function posthorn.type_and_above(text) is 'What a subscription can name to receive a type of event: the type, all that stand for types below one, and *.';
