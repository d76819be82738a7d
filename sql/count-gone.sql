-- Counts answers 410 Gone of a registered endpoint since its last success. The second disables the endpoint: what it has
-- waiting is held.
--
-- $1 endpoint id  $2 answers
update posthorn.endpoints as e
set
  gone_answers = least(e.gone_answers + $2::integer, 1000),
  status = case when e.gone_answers + $2::integer >= 2 and e.status <> 'disabled' then 'disabled' else e.status end,
  status_reason = case when e.gone_answers + $2::integer >= 2 and e.status <> 'disabled' then 'gone' else e.status_reason end
where e.id = $1::uuid
  and e.status <> 'deleted'
returning e.status = 'disabled' as is_disabled
