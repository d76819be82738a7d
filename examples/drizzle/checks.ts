import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { DrizzleQueryError, sql } from 'drizzle-orm';
import pg from 'pg';
import { answer, declined, failureOf, hooks } from '../report.ts';
import { newEvents, newWebhooks } from './posthorn.ts';
import * as schema from './schema.ts';
import { db, placeOrder, pool } from './shop.ts';
import { placeOrder as placeOrderWithProducer } from './with-producer.ts';

// drizzle-kit/api works only as CommonJS.
const { pushSchema } = createRequire(import.meta.url)(
  'drizzle-kit/api',
) as typeof import('drizzle-kit/api');

await db.execute(sql`
  create table if not exists orders (
    id bigint primary key generated always as identity,
    customer integer not null,
    total numeric(12, 2) not null)`);

const order = { customer: 42, total: '99.50' };

const idsOf = (rows: readonly { id: string | null }[]) => rows.map(({ id }) => id);

await answer({
  commit: async () => ({ ids: [await placeOrder({ ...order, webhookUrl: `${hooks}/commit` })] }),

  rollback: async () => {
    await failureOf(placeOrder({ ...order, webhookUrl: `${hooks}/rollback` }, declined));
    return {};
  },

  headers: async () => {
    const rows = [{ 'X-Shop': 'a' }, null].map((headers) => ({
      url: `${hooks}/headers`,
      body: {},
      headers,
    }));
    return { ids: idsOf(await db.insert(newWebhooks).values(rows).returning()) };
  },

  bulk: async () => {
    const rows = Array.from({ length: 1_000 }, (_, n) => ({ url: `${hooks}/bulk`, body: { n } }));
    const { rowCount } = await db.insert(newWebhooks).values(rows);
    return { count: rowCount };
  },

  illegal: async () => {
    const webhook = { url: 'ftp://x', body: {}, secret: 'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE=' };
    const error = await failureOf(db.insert(newWebhooks).values(webhook));
    // Drizzle's own message holds the parameters, and so the secret. Postgres's error is its cause.
    const cause = error instanceof DrizzleQueryError ? error.cause : error;
    const constraint = cause instanceof pg.DatabaseError ? cause.constraint : undefined;
    return { constraint, message: cause?.message };
  },

  key: async () => {
    const webhook = { url: `${hooks}/key`, body: {}, idempotencyKey: randomUUID() };
    const first = await db.insert(newWebhooks).values(webhook).returning();
    const second = await db.insert(newWebhooks).values(webhook).onConflictDoNothing().returning();
    return { ids: [...idsOf(first), ...idsOf(second)] };
  },

  event: async () => {
    const event = { tenant: 'acme', eventType: 'order.created', body: { total: order.total } };
    return { ids: idsOf(await db.insert(newEvents).values(event).returning()) };
  },

  // What "drizzle-kit push" would run with drizzle.config.ts.
  migration: async () => {
    const { statementsToExecute } = await pushSchema(schema, db, ['public']);
    return { statements: statementsToExecute };
  },

  producer: async () => {
    const id = await placeOrderWithProducer({ ...order, webhookUrl: `${hooks}/producer` });
    const undone = { ...order, webhookUrl: `${hooks}/producer-rollback` };
    await failureOf(placeOrderWithProducer(undone, declined));
    return { ids: [id] };
  },
});

await pool.end();
