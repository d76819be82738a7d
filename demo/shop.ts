import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { publish } from '../src/producer/index.ts';
import { refusedShare, reminderShare } from './arrivals.ts';
import type { Customer, Receiving, SideEndpoint } from './customers.ts';
import { eventTypes, type ShopEvents } from './event-types.ts';

/** The endpoints that are disabled at times, by id. */
export interface OpenShop {
  readonly closedAtTimes: readonly string[];
}

/** The application of the demo: a table of its own, endpoints and subscriptions of each customer, and its event types. */
export async function openShop(
  pool: pg.Pool,
  {
    customers,
    sideEndpoints,
    urlOf,
  }: {
    readonly customers: readonly Customer[];
    readonly sideEndpoints: readonly SideEndpoint[];
    urlOf(endpoint: Receiving): string;
  },
): Promise<OpenShop> {
  await pool.query(`
    create table public.orders (
      id bigint generated always as identity primary key,
      customer text not null,
      total numeric(10, 2) not null,
      placed_at timestamptz not null default now()
    )`);
  for (const { name, description, schema, example } of eventTypes) {
    await pool.query(
      'insert into posthorn.event_types (name, description, schema, example) values ($1, $2, $3, $4)',
      [name, description, schema, example],
    );
  }
  for (const customer of customers) {
    await pool.query('insert into posthorn.tenants (id, name) values ($1, $2)', [
      customer.name,
      customer.description.split(':')[0],
    ]);
    await register(pool, { tenant: customer.name, endpoint: customer, url: urlOf(customer) });
  }
  const closedAtTimes: string[] = [];
  for (const endpoint of sideEndpoints) {
    const id = await register(pool, { tenant: endpoint.tenant, endpoint, url: urlOf(endpoint) });
    if (endpoint.isClosedAtTimes === true) closedAtTimes.push(id);
  }
  return { closedAtTimes };
}

/** Registers an endpoint and its subscriptions, and returns its id. */
async function register(
  pool: pg.Pool,
  {
    tenant,
    endpoint,
    url,
  }: { readonly tenant: string; readonly endpoint: Receiving; readonly url: string },
): Promise<string> {
  const { ratePerS = null, ordered = false } = endpoint.limits;
  const { rows } = await pool.query<{ id: string }>(
    `insert into posthorn.endpoints (tenant, url, description, secret, rate_limit_per_s, ordered)
     values ($1, $2, $3, $4, $5, $6)
     returning id`,
    [tenant, url, endpoint.description, `secret of ${endpoint.name}`, ratePerS, ordered],
  );
  const id = rows[0]?.id ?? '';
  for (const { eventType, filter = null } of endpoint.subscriptions) {
    await pool.query(
      'insert into posthorn.subscriptions (endpoint_id, event_type, filter) values ($1, $2, $3)',
      [id, eventType, filter],
    );
  }
  return id;
}

/** Sells until it is told to stop: some orders at once, so that there is something to see, and then a few a second. */
export async function sell(
  pool: pg.Pool,
  options: {
    readonly to: readonly Customer[];
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
 * An order and its event in one transaction. The payment of some is refused at the last moment: then neither is there, and
 * nothing is sent.
 */
async function placeOrder(pool: pg.Pool, to: readonly Customer[]): Promise<void> {
  const { name: tenant } = pick(to);
  const client = await pool.connect();
  try {
    await client.query('begin');
    const total = Number((5 + 200 * Math.random() ** 2).toFixed(2));
    const { rows } = await client.query<{ id: string }>(
      'insert into public.orders (customer, total) values ($1, $2) returning id',
      [tenant, total],
    );
    for (const { id } of rows) {
      const order = Number(id);
      await publish<ShopEvents>(client, {
        tenant,
        eventType: 'order.created',
        body: { order, total, country: countries[order % countries.length] ?? 'US' },
        priority: priorityOf(total),
        idempotencyKey: `order-${id}-created`,
      });
      if (Math.random() < reminderShare) await askForReview(client, { tenant, order });
    }
    await client.query(Math.random() < refusedShare ? 'rollback' : 'commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

const countries = ['DE', 'FR', 'US'] as const;

function priorityOf(total: number): 'high' | 'normal' | 'low' {
  if (total > 150) return 'high';
  return total < 8 ? 'low' : 'normal';
}

/** Publishes an event that waits for its time. */
async function askForReview(
  client: pg.PoolClient,
  { tenant, order }: { readonly tenant: string; readonly order: number },
): Promise<void> {
  await publish<ShopEvents>(client, {
    tenant,
    eventType: 'order.review_wanted',
    body: { order },
    priority: 'low',
    sendAt: new Date(Date.now() + 180_000),
    idempotencyKey: `order-${order}-review`,
  });
}

function pick(to: readonly Customer[]): Customer {
  let rest = Math.random() * to.reduce((sum, { share }) => sum + share, 0);
  for (const one of to) {
    rest -= one.share;
    if (rest < 0) return one;
  }
  throw new Error('Cannot place an order as there must be a customer: current value is none');
}
