-- Up Migration

-- What failed, or was cancelled, of one endpoint is looked for along the ids of all that did. With the lane in the index the rows
-- themselves need not be read: of ten million webhooks, 100,000 failures took 560 ms before, and 20 ms after. The outbox's id is there
-- for those few whose lane is right: whether they really go to the endpoint stands in the outbox.
drop index posthorn.outcomes_for_failures;
drop index posthorn.outcomes_for_cancellations;
create index outcomes_for_failures on posthorn.outcomes (webhook_id) include (lane, outbox_id) where status = 'failed';
create index outcomes_for_cancellations on posthorn.outcomes (webhook_id) include (lane, outbox_id) where status = 'cancelled';
