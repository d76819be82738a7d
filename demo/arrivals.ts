import type { Customer } from './customers.ts';

/** What the shop does when nobody says otherwise. */
export const usual = { perSecond: 4, atOnce: 60 } as const;

/** Orders that are rolled back at the last moment. */
export const refusedShare = 0.05;
/** Orders that are followed by a second webhook. */
export const reminderShare = 0.1;

/** What happens beside the orders: for the first time after so many seconds, and again every so many. */
export const happenings = {
  broadcast: { firstS: 5, everyS: 30 },
  trial: { firstS: 1, everyS: 20 },
  close: { firstS: 3, everyS: 90 },
  open: { firstS: 18, everyS: 90 },
} as const;

export type Happening = keyof typeof happenings;

/** How many webhooks a second a customer gets when the shop sells so many orders a second. */
export function arrivalsPerS(
  customer: Customer,
  { among, perSecond }: { among: readonly Customer[]; perSecond: number },
): number {
  const all = among.reduce((sum, { share }) => sum + share, 0);
  const ofOrders = (perSecond * (1 - refusedShare) * (1 + reminderShare) * customer.share) / all;
  return ofOrders + 1 / happenings.broadcast.everyS;
}
