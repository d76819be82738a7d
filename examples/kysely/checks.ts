import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { answer, declined, failureOf, hooks } from '../report.ts';
import { db, placeOrder } from './shop.ts';
import { placeOrder as placeOrderWithProducer } from './with-producer.ts';

await db.schema
  .createTable('orders')
  .ifNotExists()
  .addColumn('id', 'bigint', (column) => column.primaryKey().generatedAlwaysAsIdentity())
  .addColumn('customer', 'integer', (column) => column.notNull())
  .addColumn('total', 'numeric(12, 2)', (column) => column.notNull())
  .execute();

const order = { customer: 42, total: '99.50' };

const webhooks = () => db.insertInto('posthorn.new_webhooks');
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
    return { ids: idsOf(await webhooks().values(rows).returningAll().execute()) };
  },

  bulk: async () => {
    const rows = Array.from({ length: 1_000 }, (_, n) => ({ url: `${hooks}/bulk`, body: { n } }));
    const { numInsertedOrUpdatedRows: count } = await webhooks().values(rows).executeTakeFirst();
    return { count: Number(count) };
  },

  illegal: async () => {
    const webhook = { url: 'ftp://x', body: {}, secret: 'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE=' };
    const error = await failureOf(webhooks().values(webhook).execute());
    const constraint = error instanceof pg.DatabaseError ? error.constraint : undefined;
    return { constraint, message: error.message };
  },

  key: async () => {
    const keyed = webhooks()
      .values({ url: `${hooks}/key`, body: {}, idempotency_key: randomUUID() })
      .returning('id');
    const first = await keyed.execute();
    const second = await keyed.onConflict((conflict) => conflict.doNothing()).execute();
    return { ids: [...idsOf(first), ...idsOf(second)] };
  },

  event: async () => {
    const event = { tenant: 'acme', event_type: 'order.created', body: { total: order.total } };
    const added = await db
      .insertInto('posthorn.new_events')
      .values(event)
      .returning('id')
      .execute();
    return { ids: idsOf(added) };
  },

  producer: async () => {
    const id = await placeOrderWithProducer({ ...order, webhookUrl: `${hooks}/producer` });
    const undone = { ...order, webhookUrl: `${hooks}/producer-rollback` };
    await failureOf(placeOrderWithProducer(undone, declined));
    return { ids: [id] };
  },
});

await db.destroy();
