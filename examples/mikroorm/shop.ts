import { MikroORM } from '@mikro-orm/postgresql';
import config from './mikro-orm.config.ts';
import { Order } from './order.ts';
import { NewWebhook } from './posthorn.ts';

export const orm = await MikroORM.init(config);

export interface NewOrder {
  readonly customer: number;
  readonly total: string;
  /** Where the customer wants to hear of the order. */
  readonly webhookUrl: string;
}

/** Stores an order, tells the customer, and charges the card: all of it happens or nothing. Returns the webhook's id. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await orm.em.fork().transactional(async (em) => {
    em.create(Order, { customer, total });
    const webhook = em.create(NewWebhook, {
      url: webhookUrl,
      body: { type: 'order.created', total },
    });
    await em.flush();
    await charge();
    return webhook.id;
  });
}
