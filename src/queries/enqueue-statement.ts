import { type FragmentSqlToken, type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';

/** What webhooks and events have in common; null leaves a default to Postgres. */
export interface ContentArguments {
  readonly tenant: string | null;
  readonly body: string;
  /** An object of strings, as JSON text. */
  readonly headers: string | null;
  readonly contentType: string | null;
  readonly priority: string | null;
  /** RFC 3339. */
  readonly sendAt: string | null;
  readonly maxAttempts: number | null;
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
}

/** The arguments of posthorn.enqueue(). */
export interface EnqueueArguments extends ContentArguments {
  /** Either the URL or the endpoint is given. */
  readonly url: string | null;
  readonly endpointId: string | null;
  readonly secret: string | null;
}

/** The arguments of posthorn.publish(). */
export interface PublishArguments extends ContentArguments {
  readonly eventType: string;
}

const idRow = z.object({ id: z.string() });

/** Builds the statement that enqueues a webhook and returns its id. */
export function enqueueStatement(given: EnqueueArguments): QuerySqlToken<typeof idRow> {
  return sql.type(idRow)`
    select posthorn.enqueue(
      url => ${given.url}::text,
      endpoint_id => ${given.endpointId}::uuid,
      secret => ${given.secret}::text,
      ${content(given)}
    ) as id`;
}

/** Builds the statement that publishes an event and returns its id. */
export function publishStatement(given: PublishArguments): QuerySqlToken<typeof idRow> {
  return sql.type(idRow)`
    select posthorn.publish(
      event_type => ${given.eventType}::text,
      ${content(given)}
    ) as id`;
}

/** The arguments that both functions take. */
function content(given: ContentArguments): FragmentSqlToken {
  return sql.fragment`
      tenant => ${given.tenant ?? ''}::text,
      body => ${given.body}::text,
      headers => ${given.headers}::jsonb,
      content_type => ${given.contentType}::text,
      priority => ${given.priority}::text,
      send_at => ${given.sendAt}::timestamptz,
      max_attempts => ${given.maxAttempts}::integer,
      idempotency_key => ${given.idempotencyKey}::text,
      traceparent => ${given.traceparent}::text`;
}
