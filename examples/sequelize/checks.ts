import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { DatabaseError } from 'sequelize';
import { answer, declined, failureOf, hooks } from '../report.ts';
import { NewEvent, NewWebhook } from './posthorn.ts';
import { placeOrder, sequelize } from './shop.ts';
import { placeOrder as placeOrderWithProducer } from './with-producer.ts';

// Makes the table of orders, and leaves Posthorn's views alone.
await sequelize.sync();

const order = { customer: 42, total: '99.50' };

const idsOf = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);

await answer({
  commit: async () => ({ ids: [await placeOrder({ ...order, webhookUrl: `${hooks}/commit` })] }),

  rollback: async () => {
    await failureOf(placeOrder({ ...order, webhookUrl: `${hooks}/rollback` }, declined));
    return {};
  },

  headers: async () => {
    const webhook = { url: `${hooks}/headers`, body: {} };
    const first = await NewWebhook.create({ ...webhook, headers: { 'X-Shop': 'a' } });
    const second = await NewWebhook.create({ ...webhook, headers: null });
    return { ids: idsOf([first, second]) };
  },

  bulk: async () => {
    const rows = Array.from({ length: 1_000 }, (_, n) => ({ url: `${hooks}/bulk`, body: { n } }));
    return { count: (await NewWebhook.bulkCreate(rows)).length };
  },

  illegal: async () => {
    const secret = 'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE=';
    const error = await failureOf(NewWebhook.create({ url: 'ftp://x', body: {}, secret }));
    const cause = error instanceof DatabaseError ? error.original : error;
    const constraint = cause instanceof pg.DatabaseError ? cause.constraint : undefined;
    return { constraint, message: error.message };
  },

  key: async () => {
    const webhook = { url: `${hooks}/key`, body: {}, idempotencyKey: randomUUID() };
    const first = await NewWebhook.create(webhook);
    const second = await NewWebhook.bulkCreate([webhook], {
      ignoreDuplicates: true,
      returning: true,
    });
    return { ids: idsOf([first, ...second]) };
  },

  event: async () => {
    const event = { tenant: 'acme', eventType: 'order.created', body: { total: order.total } };
    return { ids: idsOf([await NewEvent.create(event)]) };
  },

  // Sequelize compares and changes at once. These are the statements that change something.
  migration: async () => {
    const statements: string[] = [];
    await sequelize.sync({ alter: true, logging: (statement) => statements.push(statement) });
    return { statements: statements.filter((one) => /\b(?:create|alter|drop)\b/i.test(one)) };
  },

  producer: async () => {
    const id = await placeOrderWithProducer({ ...order, webhookUrl: `${hooks}/producer` });
    const undone = { ...order, webhookUrl: `${hooks}/producer-rollback` };
    await failureOf(placeOrderWithProducer(undone, declined));
    return { ids: [id] };
  },
});

await sequelize.close();
