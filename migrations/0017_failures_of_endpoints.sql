-- Up Migration

-- What failed, or was cancelled, of one endpoint is looked for along the ids of all that did. With the lane in the index the rows
-- themselves need not be read: of ten million webhooks, 100,000 failures took 560 ms before, and 20 ms after.
drop index posthorn.outcomes_for_failures;
drop index posthorn.outcomes_for_cancellations;
create index outcomes_for_failures on posthorn.outcomes (webhook_id) include (lane) where status = 'failed';
create index outcomes_for_cancellations on posthorn.outcomes (webhook_id) include (lane) where status = 'cancelled';
