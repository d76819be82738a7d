-- Before the tables: one of their defaults, checks or generated columns calls it.
--
-- The number that stands for a priority in the queue, or null for a word that is no priority. src/domain/priority.ts has the same
-- list.
--
-- Its body is parsed when it is created: see uuid_v7().
create or replace function posthorn.priority_of(word text) returns smallint
  language sql immutable parallel safe
  return case word when 'high' then 0::smallint when 'normal' then 1::smallint when 'low' then 2::smallint end;

comment on function posthorn.priority_of(text) is 'The number of a priority in the queue: 0 high, 1 normal, 2 low. Null: the word is none.';
