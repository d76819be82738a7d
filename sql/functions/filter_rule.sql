-- The rule that a filter breaks; null if it may be used. A customer writes it, and it runs in the producer's transaction:
-- so its cost must grow with the body and no faster, and it must not fail. The text of a jsonpath that Postgres has read
-- has one form: each name in quotes, and no blank more than it needs.
create or replace function posthorn.filter_rule(filter jsonpath) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  -- In a session with it off, the backslashes here would mean something else.
  set standard_conforming_strings = on
  as $$
declare
  -- Without what stands between quotes.
  bare constant text := regexp_replace(filter::text, '"([^"\\]|\\.)*"', '""', 'g');
  rest text := bare;
  -- The innermost parentheses: whether they are a condition on the elements of a path, and what they hold.
  inner_part text[];
begin
  if octet_length(filter::text) > 1024 then
    return 'subscriptions_filter_is_at_most_1_kib';
  end if;
  if position('like_regex' in bare) > 0 then
    return 'subscriptions_filter_has_no_like_regex';
  end if;
  if position('**' in bare) > 0 then
    return 'subscriptions_filter_has_no_recursive_wildcard';
  end if;
  if bare ~ '\$""' then
    return 'subscriptions_filter_has_no_variables';
  end if;
  -- Others can fail whatever the body is (.datetime(), .decimal()), write out a number of 130,000 digits (.double()), or
  -- return more than they read (.keyvalue()).
  if bare ~ '\.(?!(type|size)\(\))\w+\(' then
    return 'subscriptions_filter_methods_are_type_and_size';
  end if;
  -- [0, 0] returns each value twice, so that a few of them in a row return millions. A path in the brackets would be read
  -- again for each array.
  if regexp_replace(
    bare, '\[(\*|(last|-?\d+)( - \d+)?( to (last|-?\d+)( - \d+)?)?)\]', '', 'g') ~ '\[' then
    return 'subscriptions_filter_subscripts_are_one_index_or_range';
  end if;
  -- 1e130000 is short, but a sum with it has 130,000 digits.
  if regexp_replace(bare, '\[[^\]]*\]', '', 'g') ~ ' [-+*/%] |[-+] *[$@(]' then
    return 'subscriptions_filter_does_not_calculate';
  end if;
  -- Two paths would be compared pair by pair.
  if exists (
    select
    from regexp_split_to_table(bare, '&&|\|\||\?') as part
    where part ~ '(==|!=|<>|<=|>=|<|>|starts with).*[$@]'
  ) then
    return 'subscriptions_filter_compares_paths_with_values';
  end if;
  -- A path from the root in a condition would be read again for each element.
  loop
    inner_part := regexp_match(rest, '(\??)\(([^()]*)\)');
    exit when inner_part is null;
    if inner_part[1] = '?' and position('$' in inner_part[2]) > 0 then
      return 'subscriptions_filter_conditions_begin_with_at';
    end if;
    rest := regexp_replace(
      rest, '(\??)\([^()]*\)', case when inner_part[1] = '?' then '' else ' ' || inner_part[2] || ' ' end);
  end loop;
  -- Each is read once from the body.
  if length(regexp_replace(bare, '[^$@]', '', 'g')) > 10 then
    return 'subscriptions_filter_has_at_most_10_paths';
  end if;
  -- Each step can be made for each value in the body.
  if (
    select count(*) from regexp_matches(bare, '\[|\.\*|\(|==|!=|<>|<|>|starts with', 'g')
  ) > 60 then
    return 'subscriptions_filter_has_at_most_60_steps';
  end if;
  begin
    perform jsonb_path_match('{}', filter, '{}', false);
  exception
    when data_exception then
      return 'subscriptions_filter_is_a_predicate';
  end;
  return null;
end
$$;

comment on function posthorn.filter_rule(jsonpath) is 'The rule that a filter of a subscription breaks. Null: it may be used.';
