import { randomUUID } from 'node:crypto';
import { CheckConstraintViolationException } from '@mikro-orm/core';
import { answer, declined, failureOf, hooks } from '../report.ts';
import { NewEvent, NewWebhook } from './posthorn.ts';
import { orm, placeOrder } from './shop.ts';
import { placeOrder as placeOrderWithProducer } from './with-producer.ts';

// Makes the table of orders, and leaves Posthorn's schemas alone.
await orm.schema.update();

const order = { customer: 42, total: '99.50' };

await answer({
  commit: async () => ({ ids: [await placeOrder({ ...order, webhookUrl: `${hooks}/commit` })] }),

  rollback: async () => {
    await failureOf(placeOrder({ ...order, webhookUrl: `${hooks}/rollback` }, declined));
    return {};
  },

  headers: async () => {
    const em = orm.em.fork();
    const webhooks = [{ 'X-Shop': 'a' }, null].map((headers) =>
      em.create(NewWebhook, { url: `${hooks}/headers`, body: {}, headers }),
    );
    await em.flush();
    return { ids: webhooks.map(({ id }) => id) };
  },

  bulk: async () => {
    const em = orm.em.fork();
    const webhooks = Array.from({ length: 1_000 }, (_, n) =>
      em.create(NewWebhook, { url: `${hooks}/bulk`, body: { n } }),
    );
    // In statements of 300 rows: the option batchSize.
    await em.flush();
    return { count: new Set(webhooks.map(({ id }) => id)).size };
  },

  illegal: async () => {
    const secret = 'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE=';
    const error = await failureOf(
      orm.em.fork().insert(NewWebhook, { url: 'ftp://x', body: {}, secret }),
    );
    if (!(error instanceof CheckConstraintViolationException)) throw error;
    return { constraint: 'constraint' in error ? error.constraint : null, message: error.message };
  },

  key: async () => {
    const webhook = { url: `${hooks}/key`, body: {}, idempotencyKey: randomUUID() };
    const first = await orm.em.fork().insert(NewWebhook, webhook);
    const second = await orm.em
      .fork()
      .createQueryBuilder(NewWebhook)
      .insert(webhook)
      .onConflict()
      .ignore()
      .returning('id')
      .execute('get');
    return { ids: [first, second.id] };
  },

  event: async () => {
    const event = { tenant: 'acme', eventType: 'order.created', body: { total: order.total } };
    return { ids: [await orm.em.fork().insert(NewEvent, event)] };
  },

  // What "mikro-orm schema:update --dump" and "mikro-orm migration:create" take.
  migration: async () => {
    const sql = await orm.schema.getUpdateSchemaSQL({ wrap: false });
    return { statements: sql.split('\n').filter((line) => line.trim() !== '') };
  },

  producer: async () => {
    const id = await placeOrderWithProducer({ ...order, webhookUrl: `${hooks}/producer` });
    const undone = { ...order, webhookUrl: `${hooks}/producer-rollback` };
    await failureOf(placeOrderWithProducer(undone, declined));
    return { ids: [id] };
  },
});

await orm.close();
