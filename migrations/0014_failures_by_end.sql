-- What failed lately, by when it failed and not by when it was enqueued: that may be days before.
--
-- outcomes_for_failures holds the failures by their webhooks' ids. To find those of the last 24 hours in it, all failures of
-- all webhooks that may have failed then must be looked at, each in the table, which is about every page of a week of
-- outcomes. This one holds no more than the failures either: what is delivered does not write to it.
create index outcomes_for_failures_by_end on posthorn.outcomes (finished_at) where status = 'failed';
