import pg from 'pg';

export const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });

export interface NewOrder {
  readonly customer: number;
  readonly total: string;
  /** Where the customer wants to hear of the order. */
  readonly webhookUrl: string;
}

/** Stores an order, tells the customer, and charges the card: all of it happens or nothing. Returns the webhook's id. */
export async function placeOrder(order: NewOrder, charge = async () => {}): Promise<string> {
  return await inTransaction(async (client) => {
    const placed = await client.query<{ id: string }>(
      'insert into orders (customer, total) values ($1, $2) returning id',
      [order.customer, order.total],
    );
    const body = { type: 'order.created', order: placed.rows[0]?.id, total: order.total };
    const webhook = await client.query<{ id: string }>(
      'select posthorn.enqueue(url => $1, body => $2) as id',
      [order.webhookUrl, JSON.stringify(body)],
    );
    await charge();
    return webhook.rows[0]?.id ?? '';
  });
}

export async function inTransaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}
