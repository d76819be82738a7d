import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import { answer, declined, failureOf, hooks } from '../report.ts';
import { placeOrder, sql } from './shop.ts';
import { placeOrder as placeOrderWithProducer } from './with-producer.ts';

await sql`
  create table if not exists orders (
    id bigint primary key generated always as identity,
    customer integer not null,
    total numeric(12, 2) not null)`;

const order = { customer: 42, total: '99.50' };

const idsOf = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);

await answer({
  commit: async () => ({ ids: [await placeOrder({ ...order, webhookUrl: `${hooks}/commit` })] }),

  rollback: async () => {
    await failureOf(placeOrder({ ...order, webhookUrl: `${hooks}/rollback` }, declined));
    return {};
  },

  headers: async () => {
    // A string would be encoded twice, so sql.json() and not JSON.stringify().
    const rows = [sql.json({ 'X-Shop': 'a' }), null].map((headers) => ({
      url: `${hooks}/headers`,
      body: '{}',
      headers,
    }));
    const added = await sql<{ id: string }[]>`
      insert into posthorn.outbox ${sql(rows)} returning id`;
    return { ids: idsOf(added) };
  },

  bulk: async () => {
    const rows = Array.from({ length: 1_000 }, (_, n) => ({
      url: `${hooks}/bulk`,
      body: JSON.stringify({ n }),
    }));
    const { count } = await sql`insert into posthorn.outbox ${sql(rows)}`;
    return { count };
  },

  illegal: async () => {
    const row = { url: 'ftp://x', body: '{}', secret: 'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE=' };
    const error = await failureOf(sql`insert into posthorn.outbox ${sql(row)}`);
    const constraint = error instanceof postgres.PostgresError ? error.constraint_name : undefined;
    return { constraint, message: error.message };
  },

  key: async () => {
    const [url, key] = [`${hooks}/key`, randomUUID()];
    const first = await sql<{ id: string }[]>`
      select posthorn.enqueue(url => ${url}, body => '{}'::text, idempotency_key => ${key}) as id`;
    const second = await sql<{ id: string }[]>`
      insert into posthorn.new_webhooks ${sql({ url, body: '{}', idempotency_key: key })}
      on conflict do nothing
      returning id`;
    return { ids: [...idsOf(first), ...idsOf(second)] };
  },

  event: async () => {
    const body = sql.json({ total: order.total });
    return {
      ids: idsOf(
        await sql<{ id: string }[]>`
          select posthorn.publish('acme', 'order.created', ${body}) as id`,
      ),
    };
  },

  producer: async () => {
    const id = await placeOrderWithProducer({ ...order, webhookUrl: `${hooks}/producer` });
    const undone = { ...order, webhookUrl: `${hooks}/producer-rollback` };
    await failureOf(placeOrderWithProducer(undone, declined));
    return { ids: [id] };
  },
});

await sql.end();
