import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { answer, declined, failureOf, hooks } from '../report.ts';
import { placeOrder, pool } from './shop.ts';
import { placeOrder as placeOrderWithProducer } from './with-producer.ts';

await pool.query(
  `create table if not exists orders (
     id bigint primary key generated always as identity,
     customer integer not null,
     total numeric(12, 2) not null)`,
);

const order = { customer: 42, total: '99.50' };

/** Runs a statement that returns ids. */
async function ids(text: string, values: readonly unknown[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(text, [...values]);
  return rows.map(({ id }) => id);
}

await answer({
  commit: async () => ({ ids: [await placeOrder({ ...order, webhookUrl: `${hooks}/commit` })] }),

  rollback: async () => {
    await failureOf(placeOrder({ ...order, webhookUrl: `${hooks}/rollback` }, declined));
    return {};
  },

  headers: async () => {
    const text = `insert into posthorn.outbox (url, body, headers) values ($1, '{}', $2) returning id`;
    const url = `${hooks}/headers`;
    // pg sends an object as JSON.
    return {
      ids: [...(await ids(text, [url, { 'X-Shop': 'a' }])), ...(await ids(text, [url, null]))],
    };
  },

  bulk: async () => {
    const bodies = Array.from({ length: 1_000 }, (_, n) => JSON.stringify({ n }));
    const { rowCount } = await pool.query(
      `insert into posthorn.outbox (url, body) select $1, body from unnest($2::text[]) as body`,
      [`${hooks}/bulk`, bodies],
    );
    return { count: rowCount };
  },

  illegal: async () => {
    const error = await failureOf(
      pool.query(`insert into posthorn.outbox (url, body, secret) values ($1, '{}', $2)`, [
        'ftp://x',
        'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE=',
      ]),
    );
    const constraint = error instanceof pg.DatabaseError ? error.constraint : undefined;
    return { constraint, message: error.message };
  },

  key: async () => {
    const values = [`${hooks}/key`, randomUUID()];
    const first = await ids(
      `select posthorn.enqueue(url => $1, body => '{}', idempotency_key => $2) as id`,
      values,
    );
    const second = await ids(
      `insert into posthorn.new_webhooks (url, body, idempotency_key) values ($1, '{}', $2)
       on conflict do nothing
       returning id`,
      values,
    );
    return { ids: [...first, ...second] };
  },

  event: async () => ({
    ids: await ids('select posthorn.publish($1, $2, $3) as id', ['acme', 'order.created', '{}']),
  }),

  producer: async () => {
    const id = await placeOrderWithProducer({ ...order, webhookUrl: `${hooks}/producer` });
    const undone = { ...order, webhookUrl: `${hooks}/producer-rollback` };
    await failureOf(placeOrderWithProducer(undone, declined));
    return { ids: [id] };
  },
});

await pool.end();
