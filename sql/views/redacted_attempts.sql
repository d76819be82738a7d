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
