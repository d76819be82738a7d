import { sql } from 'drizzle-orm';
import { integer, jsonb, pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core';

/*
 * Posthorn's views as tables to insert into. Keep this file out of drizzle-kit's `schema`: what is in there, drizzle-kit creates.
 */

const posthorn = pgSchema('posthorn');

const content = {
  id: uuid().primaryKey().default(sql`posthorn.uuid_v7()`),
  tenant: text(),
  /** Drizzle sends an object as JSON. */
  body: jsonb().$type<object>().notNull(),
  headers: jsonb().$type<Record<string, string>>(),
  contentType: text('content_type'),
  priority: text({ enum: ['high', 'normal', 'low'] }),
  sendAt: timestamp('send_at', { withTimezone: true }),
  maxAttempts: integer('max_attempts'),
  idempotencyKey: text('idempotency_key'),
};

export const newWebhooks = posthorn.table('new_webhooks', {
  ...content,
  url: text(),
  endpointId: uuid('endpoint_id'),
  secret: text(),
});

export const newEvents = posthorn.table('new_events', {
  ...content,
  eventType: text('event_type').notNull(),
});
