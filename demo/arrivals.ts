import type { Customer } from './customers.ts';

/** What the shop does when nobody says otherwise. */
export const usual = { perSecond: 4, atOnce: 60 } as const;

/** Orders that are rolled back at the last moment. */
export const refusedShare = 0.05;
/** Orders that are followed by a second webhook. */
export const reminderShare = 0.1;

/** How many webhooks a second a customer gets when the shop sells so many orders a second. */
export function arrivalsPerS(
  customer: Customer,
  { among, perSecond }: { among: readonly Customer[]; perSecond: number },
): number {
  const all = among.reduce((sum, { share }) => sum + share, 0);
  return (perSecond * (1 - refusedShare) * (1 + reminderShare) * customer.share) / all;
}
