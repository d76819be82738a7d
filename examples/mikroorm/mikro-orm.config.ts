import { defineConfig } from '@mikro-orm/postgresql';
import { Order } from './order.ts';
import { NewEvent, NewWebhook } from './posthorn.ts';

export default defineConfig({
  clientUrl: process.env['DATABASE_URL'] ?? '',
  entities: [Order, NewWebhook, NewEvent],
  schemaGenerator: {
    // Posthorn migrates its own schemas. Without this, "schema:update" drops what is in them.
    ignoreSchema: ['posthorn', 'posthorn_graphile'],
    // And does not make tables of the views that are mapped.
    skipTables: ['posthorn.new_webhooks', 'posthorn.new_events'],
  },
});
