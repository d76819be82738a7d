import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { publish } from '../src/producer/index.ts';
import { type Happening, happenings } from './arrivals.ts';
import type { ShopEvents } from './event-types.ts';

/**
 * What happens beside the orders, until it is told to stop: an event to all tenants, an event without a recipient, and an
 * endpoint that is disabled for a while.
 */
export async function letThingsHappen(
  pool: pg.Pool,
  {
    closedAtTimes,
    signal,
  }: { readonly closedAtTimes: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const turnTo = (status: 'active' | 'disabled') => () =>
    pool.query(
      `update posthorn.endpoints set status = $1::posthorn.endpoint_status
       where id = any ($2) and status in ('active', 'disabled')`,
      [status, closedAtTimes],
    );
  const does: Readonly<Record<Happening, () => Promise<unknown>>> = {
    broadcast: () =>
      publish<ShopEvents>(pool, {
        tenant: '*',
        eventType: 'catalogue.changed',
        body: { articles: 1 + Math.floor(9 * Math.random()) },
      }),
    trial: () =>
      publish<ShopEvents>(pool, { tenant: 'gale', eventType: 'trial.started', body: { days: 30 } }),
    close: turnTo('disabled'),
    // What was missed is sent now, and then what is new.
    open: turnTo('active'),
  };
  await Promise.all(
    Object.entries(happenings).map(async ([name, { firstS, everyS }]) => {
      for (let nextS: number = firstS; !signal.aborted; nextS = everyS) {
        await delay(nextS * 1_000, undefined, { signal }).catch(() => {});
        if (!signal.aborted) await does[name as Happening]();
      }
    }),
  );
}
