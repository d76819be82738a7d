import { defineEntity, p } from '@mikro-orm/core';

/*
 * Posthorn's views as entities to persist. See mikro-orm.config.ts for how MikroORM's schema generator is kept away from them.
 */

/** What webhooks and events have in common. What is left out, or null, has its default. */
const content = {
  id: p.uuid().primary().defaultRaw('posthorn.uuid_v7()'),
  tenant: p.text().nullable(),
  // MikroORM sends an object as JSON.
  body: p.json<object>(),
  headers: p.json<Record<string, string>>().nullable(),
  contentType: p.text().nullable(),
  priority: p.text().$type<'high' | 'normal' | 'low'>().nullable(),
  sendAt: p.datetime().nullable(),
  maxAttempts: p.integer().nullable(),
  idempotencyKey: p.text().nullable(),
};

export const NewWebhook = defineEntity({
  name: 'NewWebhook',
  schema: 'posthorn',
  tableName: 'new_webhooks',
  properties: {
    ...content,
    url: p.text().nullable(),
    endpointId: p.uuid().nullable(),
    secret: p.text().nullable(),
  },
});

export const NewEvent = defineEntity({
  name: 'NewEvent',
  schema: 'posthorn',
  tableName: 'new_events',
  properties: { ...content, eventType: p.text() },
});
