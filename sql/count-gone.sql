-- Counts answers 410 Gone of registered endpoints since their last success. The second disables the endpoint: what it
-- has waiting is held.
--
-- $1 endpoint ids, no two the same  $2 answers
update posthorn.endpoints as e
set (gone_answers, status, status_reason) = (
  select
    least(n.answers, 1000),
    case when n.answers >= 2 and e.status <> 'disabled' then 'disabled' else e.status end,
    case when n.answers >= 2 and e.status <> 'disabled' then 'gone' else e.status_reason end
  from (select e.gone_answers + ($2::integer[])[array_position($1::uuid[], e.id)] as answers offset 0) as n
)
where e.id = any ($1::uuid[])
  and e.status <> 'deleted'
returning e.id, e.status = 'disabled' as is_disabled
