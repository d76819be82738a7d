import Knex from 'knex';

export const knex = Knex({
  client: 'pg',
  connection: process.env['DATABASE_URL'] ?? '',
  // Otherwise an error's message holds the values of the statement, and so a webhook's secret.
  compileSqlOnError: false,
});

export interface NewOrder {
  readonly customer: number;
  readonly total: string;
  /** Where the customer wants to hear of the order. */
  readonly webhookUrl: string;
}

/** A row of posthorn.new_webhooks: what you leave out has its default. */
export interface NewWebhook {
  readonly url: string;
  /** knex sends an object as JSON. */
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>> | null;
  readonly secret?: string;
  readonly idempotency_key?: string;
}

/** Stores an order, tells the customer, and charges the card: all of it happens or nothing. Returns the webhook's id. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await knex.transaction(async (trx) => {
    const [placed] = await trx('orders').insert({ customer, total }).returning('id');
    const webhook: NewWebhook = {
      url: webhookUrl,
      body: { type: 'order.created', order: placed?.id, total },
    };
    const [sent] = await trx('posthorn.new_webhooks').insert(webhook).returning('id');
    await charge();
    return sent?.id ?? '';
  });
}
