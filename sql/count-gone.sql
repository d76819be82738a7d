-- Counts answers 410 Gone of registered endpoints since their last success. The second disables the endpoint: what it
-- has waiting is held.
--
-- $1 endpoint ids  $2 answers
update posthorn.endpoints as e
set
  gone_answers = least(e.gone_answers + n.answers, 1000),
  status = case when e.gone_answers + n.answers >= 2 and e.status <> 'disabled' then 'disabled' else e.status end,
  status_reason = case when e.gone_answers + n.answers >= 2 and e.status <> 'disabled' then 'gone' else e.status_reason end
from unnest($1::uuid[], $2::integer[]) as n (id, answers)
where e.id = any ($1::uuid[])
  and e.id = n.id
  and e.status <> 'deleted'
returning e.id, e.status = 'disabled' as is_disabled
