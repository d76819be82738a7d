import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { QueryFailedError } from 'typeorm';
import { answer, declined, failureOf, hooks } from '../report.ts';
import { NewEvent, NewWebhook } from './posthorn.ts';
import { dataSource, placeOrder } from './shop.ts';
import { placeOrder as placeOrderWithProducer } from './with-producer.ts';

await dataSource.initialize();
// Makes the table of orders, and leaves Posthorn's views alone.
await dataSource.synchronize();

const order = { customer: 42, total: '99.50' };

const webhooks = dataSource.getRepository(NewWebhook);

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
    return { ids: (await webhooks.save(rows)).map(({ id }) => id) };
  },

  bulk: async () => {
    const rows = Array.from({ length: 1_000 }, (_, n) => ({ url: `${hooks}/bulk`, body: { n } }));
    const { identifiers } = await webhooks.insert(rows);
    return { count: identifiers.length };
  },

  illegal: async () => {
    const secret = 'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE=';
    const error = await failureOf(webhooks.save({ url: 'ftp://x', body: {}, secret }));
    const cause = error instanceof QueryFailedError ? error.driverError : error;
    const constraint = cause instanceof pg.DatabaseError ? cause.constraint : undefined;
    return { constraint, message: error.message };
  },

  key: async () => {
    const webhook = { url: `${hooks}/key`, body: {}, idempotencyKey: randomUUID() };
    // insert() writes the id into the object that it gets.
    const first = await webhooks.insert({ ...webhook });
    const second = await webhooks
      .createQueryBuilder()
      .insert()
      .values(webhook)
      .orIgnore()
      .returning('id')
      .execute();
    return { ids: [first, second].map(({ raw }) => raw[0].id) };
  },

  event: async () => {
    const event = { tenant: 'acme', eventType: 'order.created', body: { total: order.total } };
    return { ids: [(await dataSource.getRepository(NewEvent).save(event)).id] };
  },

  // What "typeorm schema:log" and "typeorm migration:generate" take.
  migration: async () => {
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    return { statements: upQueries.map(({ query }) => query) };
  },

  producer: async () => {
    const id = await placeOrderWithProducer({ ...order, webhookUrl: `${hooks}/producer` });
    const undone = { ...order, webhookUrl: `${hooks}/producer-rollback` };
    await failureOf(placeOrderWithProducer(undone, declined));
    return { ids: [id] };
  },
});

await dataSource.destroy();
