import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';

/*
 * Posthorn's views as entities to save. `synchronize: false` keeps TypeORM's migrations away from them.
 */

/** What webhooks and events have in common. What is left out, or null, has its default. */
export interface NewContent {
  id?: string;
  tenant?: string | null;
  body: object;
  headers?: Record<string, string> | null;
  contentType?: string | null;
  priority?: 'high' | 'normal' | 'low' | null;
  sendAt?: Date | null;
  maxAttempts?: number | null;
  idempotencyKey?: string | null;
}

export interface NewWebhook extends NewContent {
  url?: string | null;
  endpointId?: string | null;
  secret?: string | null;
}

export interface NewEvent extends NewContent {
  eventType: string;
}

const content = {
  id: { type: 'uuid', primary: true, generated: 'uuid' },
  tenant: { type: 'text', nullable: true },
  // TypeORM sends an object as JSON.
  body: { type: 'jsonb' },
  headers: { type: 'jsonb', nullable: true },
  contentType: { name: 'content_type', type: 'text', nullable: true },
  priority: { type: 'text', nullable: true },
  sendAt: { name: 'send_at', type: 'timestamptz', nullable: true },
  maxAttempts: { name: 'max_attempts', type: 'integer', nullable: true },
  idempotencyKey: { name: 'idempotency_key', type: 'text', nullable: true },
} as const satisfies Record<string, EntitySchemaColumnOptions>;

export const NewWebhook = new EntitySchema<NewWebhook>({
  name: 'NewWebhook',
  schema: 'posthorn',
  tableName: 'new_webhooks',
  synchronize: false,
  columns: {
    ...content,
    url: { type: 'text', nullable: true },
    endpointId: { name: 'endpoint_id', type: 'uuid', nullable: true },
    secret: { type: 'text', nullable: true },
  },
});

export const NewEvent = new EntitySchema<NewEvent>({
  name: 'NewEvent',
  schema: 'posthorn',
  tableName: 'new_events',
  synchronize: false,
  columns: { ...content, eventType: { name: 'event_type', type: 'text' } },
});
