import 'reflect-metadata';
import { DataSource, EntitySchema } from 'typeorm';
import { NewEvent, NewWebhook } from './posthorn.ts';

export interface Order {
  id?: string;
  customer: number;
  total: string;
}

export const Order = new EntitySchema<Order>({
  name: 'Order',
  tableName: 'orders',
  columns: {
    id: { type: 'bigint', primary: true, generated: 'increment' },
    customer: { type: 'integer' },
    total: { type: 'numeric', precision: 12, scale: 2 },
  },
});

export const dataSource = new DataSource({
  type: 'postgres',
  url: process.env['DATABASE_URL'] ?? '',
  entities: [Order, NewWebhook, NewEvent],
});

export interface NewOrder {
  readonly customer: number;
  readonly total: string;
  /** Where the customer wants to hear of the order. */
  readonly webhookUrl: string;
}

/** Stores an order, tells the customer, and charges the card: all of it happens or nothing. Returns the webhook's id. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  const { customer, total, webhookUrl } = order;
  return await dataSource.transaction(async (manager) => {
    const placed = await manager.save(Order, { customer, total });
    const webhook = await manager.save(NewWebhook, {
      url: webhookUrl,
      body: { type: 'order.created', order: placed.id, total },
    });
    await charge();
    return webhook.id ?? '';
  });
}
