import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { answer, declined, failureOf, hooks } from '../report.ts';
import { knex, type NewWebhook, placeOrder } from './shop.ts';
import { placeOrder as placeOrderWithProducer } from './with-producer.ts';

if (!(await knex.schema.hasTable('orders'))) {
  await knex.schema.createTable('orders', (table) => {
    table.bigIncrements('id');
    table.integer('customer').notNullable();
    table.decimal('total', 12, 2).notNullable();
  });
}

const order = { customer: 42, total: '99.50' };

const webhooks = () => knex<NewWebhook & { id: string }>('posthorn.new_webhooks');
const idsOf = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);

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
    return { ids: idsOf(await webhooks().insert(rows).returning('id')) };
  },

  bulk: async () => {
    const rows = Array.from({ length: 1_000 }, (_, n) => ({ url: `${hooks}/bulk`, body: { n } }));
    const ids = await knex
      .batchInsert<NewWebhook & { id: string }>('posthorn.new_webhooks', rows, 500)
      .returning('id');
    return { count: ids.length };
  },

  illegal: async () => {
    const secret = 'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE=';
    const error = await failureOf(webhooks().insert({ url: 'ftp://x', body: {}, secret }));
    const constraint = error instanceof pg.DatabaseError ? error.constraint : undefined;
    return { constraint, message: error.message };
  },

  key: async () => {
    const webhook = { url: `${hooks}/key`, body: {}, idempotency_key: randomUUID() };
    const first = await webhooks().insert(webhook).returning('id');
    const second = await webhooks().insert(webhook).onConflict().ignore().returning('id');
    return { ids: [...idsOf(first), ...idsOf(second)] };
  },

  event: async () => {
    const event = { tenant: 'acme', event_type: 'order.created', body: { total: order.total } };
    return { ids: idsOf(await knex('posthorn.new_events').insert(event).returning('id')) };
  },

  producer: async () => {
    const id = await placeOrderWithProducer({ ...order, webhookUrl: `${hooks}/producer` });
    const undone = { ...order, webhookUrl: `${hooks}/producer-rollback` };
    await failureOf(placeOrderWithProducer(undone, declined));
    return { ids: [id] };
  },
});

await knex.destroy();
