-- The attempts for the role reader: without the answers of receivers.
create or replace view posthorn.redacted_attempts as
select
  webhook_id,
  number,
  worker,
  started_at,
  finished_at,
  created_at,
  duration_ms,
  status_code,
  error,
  error_message,
  octet_length(response_body) as response_body_bytes,
  response_truncated
from posthorn.attempts;

comment on view posthorn.redacted_attempts is 'posthorn.attempts without the answers of receivers.';
comment on column posthorn.redacted_attempts.webhook_id is 'The id of the webhook.';
comment on column posthorn.redacted_attempts.number is 'The first attempt of a webhook is 1.';
comment on column posthorn.redacted_attempts.worker is 'The number of the worker.';
comment on column posthorn.redacted_attempts.started_at is 'When the request began.';
comment on column posthorn.redacted_attempts.finished_at is 'When it ended. Null: it has not ended, or its end is not known yet.';
comment on column posthorn.redacted_attempts.created_at is 'When the row was written, before the request.';
comment on column posthorn.redacted_attempts.duration_ms is 'How long the request took.';
comment on column posthorn.redacted_attempts.status_code is 'The status of the answer. Null: there was none.';
comment on column posthorn.redacted_attempts.error is 'Why it failed, as a code. Null: it succeeded, or has not ended.';
comment on column posthorn.redacted_attempts.error_message is 'The same for people.';
comment on column posthorn.redacted_attempts.response_body_bytes is 'The size of the part of the answer that was kept.';
comment on column posthorn.redacted_attempts.response_truncated is 'Whether the answer was longer than that part.';
