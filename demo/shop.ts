import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { enqueue } from '../src/outbox/enqueue.ts';
import type { NewWebhook } from '../src/outbox/webhook.ts';
import { refusedShare, reminderShare } from './arrivals.ts';
import type { Customer } from './customers.ts';

/** A customer whose endpoint is registered. */
export interface Registered {
  readonly id: string;
  readonly share: number;
}

/** The application of the demo: a table of its own, and an endpoint for each customer. */
export async function openShop(
  pool: pg.Pool,
  { customers, urlOf }: { customers: readonly Customer[]; urlOf(customer: Customer): string },
): Promise<Registered[]> {
  await pool.query(`
    create table public.orders (
      id bigint generated always as identity primary key,
      customer uuid not null,
      total numeric(10, 2) not null,
      placed_at timestamptz not null default now()
    )`);
  const registered: Registered[] = [];
  for (const customer of customers) {
    const { ratePerS = null, ordered = false } = customer.limits;
    const { rows } = await pool.query<{ id: string }>(
      `insert into posthorn.endpoints (url, description, secret, rate_limit_per_s, ordered)
       values ($1, $2, $3, $4, $5)
       returning id`,
      [urlOf(customer), customer.description, `secret of ${customer.name}`, ratePerS, ordered],
    );
    for (const { id } of rows) registered.push({ id, share: customer.share });
  }
  return registered;
}

/** Sells until it is told to stop: some orders at once, so that there is something to see, and then a few a second. */
export async function sell(
  pool: pg.Pool,
  options: {
    readonly to: readonly Registered[];
    readonly perSecond: number;
    readonly atOnce: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { to, perSecond, atOnce, signal } = options;
  for (let count = 0; count < atOnce && !signal.aborted; count += 1) await placeOrder(pool, to);
  while (!signal.aborted) {
    // As customers come: by chance, and not by the clock.
    const waitMs = (-Math.log(1 - Math.random()) * 1_000) / perSecond;
    await delay(waitMs, undefined, { signal }).catch(() => {});
    if (!signal.aborted) await placeOrder(pool, to);
  }
}

/**
 * An order and its webhook in one transaction. The payment of some is refused at the last moment: then neither is there,
 * and nothing is sent.
 */
async function placeOrder(pool: pg.Pool, to: readonly Registered[]): Promise<void> {
  const { id: customer } = pick(to);
  const client = await pool.connect();
  try {
    await client.query('begin');
    const total = (5 + 200 * Math.random() ** 2).toFixed(2);
    const { rows } = await client.query<{ id: string }>(
      'insert into public.orders (customer, total) values ($1, $2) returning id',
      [customer, total],
    );
    for (const { id } of rows) {
      const webhook: NewWebhook = {
        endpointId: customer,
        body: { type: 'order.created', order: Number(id), total: Number(total) },
        priority: priorityOf(Number(total)),
        idempotencyKey: `order-${id}-created`,
      };
      await enqueue(client, webhook);
      if (Math.random() < reminderShare) await enqueue(client, reminderOf(webhook, Number(id)));
    }
    await client.query(Math.random() < refusedShare ? 'rollback' : 'commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

function priorityOf(total: number): 'high' | 'normal' | 'low' {
  if (total > 150) return 'high';
  return total < 8 ? 'low' : 'normal';
}

/** One that waits for its time. */
function reminderOf(webhook: NewWebhook, order: number): NewWebhook {
  return {
    ...webhook,
    body: { type: 'order.review_wanted', order },
    priority: 'low',
    sendAt: new Date(Date.now() + 180_000),
    idempotencyKey: `order-${order}-review`,
  };
}

function pick(to: readonly Registered[]): Registered {
  let rest = Math.random() * to.reduce((sum, { share }) => sum + share, 0);
  for (const one of to) {
    rest -= one.share;
    if (rest < 0) return one;
  }
  throw new Error('Cannot place an order as there must be a customer: current value is none');
}
