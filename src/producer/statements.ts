// Pure: no I/O, no clock, no randomness.

import type { Statement } from '../transaction/transaction.ts';
import type { Row } from './rows.ts';

/*
 * The one parameter of these statements is a text with the rows in JSON.
 */

/** Builds the statement that enqueues webhooks and returns a row with the id of each, in their order. */
export function enqueueStatement(webhooks: readonly Row[]): Statement {
  return statement(webhooks, { call: enqueueEach, insert: insertWebhooks });
}

/** Builds the statement that publishes events and returns a row with the id of each, in their order. */
export function publishStatement(events: readonly Row[]): Statement {
  return statement(events, { call: publishEach, insert: insertEvents });
}

/**
 * One INSERT is several times as fast as a call for each row, because the trigger runs once. It fails on a known idempotency
 * key, for which the functions return the row that exists.
 */
function statement(
  rows: readonly Row[],
  texts: { readonly call: string; readonly insert: string },
): Statement {
  const isKeyed = rows.some((row) => row['idempotency_key'] !== undefined);
  return {
    text: rows.length === 1 || isKeyed ? texts.call : texts.insert,
    parameter: JSON.stringify(rows),
  };
}

/** The rows as "n". A text first, because some clients turn a parameter of type json into JSON once more. */
const given = `rows from (
  json_to_recordset(($1)::text::json) as (
    url text, endpoint_id uuid, event_type text, tenant text, body text, headers jsonb, secret text, content_type text,
    priority text, send_at timestamptz, max_attempts integer, idempotency_key text, traceparent text)
) with ordinality as n
order by n.ordinality`;

const contentArguments = `tenant => coalesce(n.tenant, ''), body => n.body, headers => n.headers, content_type => n.content_type,
  priority => n.priority, send_at => n.send_at, max_attempts => n.max_attempts, idempotency_key => n.idempotency_key,
  traceparent => n.traceparent`;

const enqueueEach = `select posthorn.enqueue(
  url => n.url, endpoint_id => n.endpoint_id, secret => n.secret, ${contentArguments})::text as id
from ${given}`;

const publishEach = `select posthorn.publish(
  event_type => n.event_type, ${contentArguments})::text as id
from ${given}`;

const contentColumns =
  'tenant, body, headers, content_type, priority, send_at, max_attempts, traceparent';

const contentValues = `coalesce(n.tenant, ''), n.body, n.headers, coalesce(n.content_type, 'application/json'),
  coalesce(n.priority, 'normal'), n.send_at, n.max_attempts, n.traceparent`;

const insertWebhooks = `insert into posthorn.outbox (url, endpoint_id, secret, ${contentColumns})
select n.url, n.endpoint_id, n.secret, ${contentValues}
from ${given}
returning id::text as id`;

const insertEvents = `insert into posthorn.events (event_type, ${contentColumns})
select n.event_type, ${contentValues}
from ${given}
returning id::text as id`;
