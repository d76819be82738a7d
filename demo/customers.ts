/*
 * The customers of the demo's shop, each a tenant, and the tempers of their receivers. Together they show what a sender of
 * webhooks meets: one that is quick, one that is slow, one that fails now and then, one that is away for a while, one that
 * takes only so much, one that refuses some for good, one that wants only some events, and one that is disabled at times.
 */

/** How a receiver answers one request. */
export type Answer =
  | {
      readonly status: number;
      readonly afterMs: number;
      readonly body: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The connection is cut without a word. */
  | 'cut';

/** What a receiver knows when it answers. */
export interface Moment {
  /** Since the receiver was started, s. */
  readonly atS: number;
  /** Requests it got in the last second, this one among them. */
  readonly perSecond: number;
  /** From 0 to below 1. */
  readonly luck: number;
  /** Of the request at this customer, from 1. */
  readonly number: number;
}

/** Which events an endpoint receives: columns of posthorn.subscriptions. */
interface Subscription {
  readonly eventType: string;
  readonly filter?: string;
}

/** An endpoint of a customer, and the receiver behind it. */
export interface Receiving {
  /** Of its path at the receiver. */
  readonly name: string;
  /** Shown beside its endpoint. */
  readonly description: string;
  readonly subscriptions: readonly Subscription[];
  /** How many requests a second it takes at least, over a longer time. What it gets must stay below that. */
  readonly takesPerS: number;
  /** Limits of its endpoint: columns of posthorn.endpoints. */
  readonly limits: { readonly ratePerS?: number; readonly ordered?: boolean };
  answer(moment: Moment): Answer;
}

/** A customer with its main endpoint. Its name is also that of the tenant. */
export interface Customer extends Receiving {
  /** Its share of the orders, beside the others' shares. */
  readonly share: number;
}

/** One more endpoint of a customer. */
export interface SideEndpoint extends Receiving {
  readonly tenant: string;
  /** It is disabled for a while, again and again, and catches up afterwards. */
  readonly isClosedAtTimes?: boolean;
}

const outageEveryS = 240;
const outageFromS = 20;
const outageS = 100;
const emberPerS = 1;
const fjordPerS = 2;

export const customers: readonly Customer[] = [
  {
    name: 'atlas',
    description: 'Atlas Books: quick, and in strict order',
    subscriptions: [{ eventType: 'order.*' }],
    share: 6,
    // One at a time, and each waits until the one before it is recorded.
    takesPerS: 10,
    limits: { ordered: true },
    answer: ({ luck }) => ok(2 + 10 * luck),
  },
  {
    name: 'birch',
    description: 'Birch Furniture: slow, up to two seconds',
    subscriptions: [{ eventType: 'order.*' }],
    share: 3,
    // Eight at a time, of 0.7 s each.
    takesPerS: 8,
    limits: {},
    answer: ({ luck }) => ok(300 + 1_700 * luck ** 3),
  },
  {
    name: 'cobalt',
    description: 'Cobalt Games: fails now and then',
    subscriptions: [{ eventType: '*' }],
    share: 5,
    takesPerS: 50,
    limits: {},
    answer: ({ luck }) => {
      if (luck < 0.04) return 'cut';
      if (luck < 0.15) return page(500, 'Internal Server Error');
      return ok(20 + 80 * luck);
    },
  },
  {
    name: 'dune',
    description: 'Dune Travel: away for a while, again and again',
    subscriptions: [{ eventType: '*' }],
    share: 3,
    // What waited for it while it was away goes in a few seconds.
    takesPerS: 10,
    limits: {},
    answer: ({ atS, luck }) => {
      const phaseS = (atS - outageFromS) % outageEveryS;
      return phaseS >= 0 && phaseS < outageS ? page(502, 'Bad Gateway') : ok(15 + 30 * luck);
    },
  },
  {
    name: 'ember',
    description: 'Ember Coffee: one a second, and 429 if you send more',
    subscriptions: [{ eventType: 'order.*' }],
    share: 2,
    takesPerS: emberPerS,
    limits: {},
    answer: ({ perSecond, luck }) =>
      perSecond > emberPerS
        ? { status: 429, afterMs: 3, body: 'slow down', headers: { 'retry-after': '3' } }
        : ok(10 + 20 * luck),
  },
  {
    name: 'fjord',
    description: 'Fjord Outdoor: two a second by its settings, and refuses one in fifteen for good',
    subscriptions: [{ eventType: 'order.*' }, { eventType: 'catalogue.changed' }],
    share: 2,
    takesPerS: fjordPerS,
    limits: { ratePerS: fjordPerS },
    answer: ({ number, luck }) =>
      number % 15 === 3
        ? {
            status: 422,
            afterMs: 30,
            body: '{"error":"unknown_sku","message":"No such article in this catalogue"}',
            headers: { 'content-type': 'application/json' },
          }
        : ok(25 + 25 * luck),
  },
];

/** Endpoints for which the shop publishes nothing of its own: they receive events of their customer. */
export const sideEndpoints: readonly SideEndpoint[] = [
  {
    tenant: 'atlas',
    name: 'atlas-accounts',
    description: 'Atlas Books, accounts: only orders of 100 and more',
    subscriptions: [{ eventType: 'order.created', filter: '$.total >= 100' }],
    takesPerS: 50,
    limits: {},
    answer: ({ luck }) => ok(5 + 10 * luck),
  },
  {
    tenant: 'cobalt',
    name: 'cobalt-tax',
    description: 'Cobalt Games, tax: only orders from Germany',
    subscriptions: [{ eventType: 'order.created', filter: '$.country == "DE"' }],
    takesPerS: 50,
    limits: {},
    answer: ({ luck }) => ok(10 + 10 * luck),
  },
  {
    tenant: 'birch',
    name: 'birch-warehouse',
    description: 'Birch Furniture, warehouse: disabled at times, then it catches up in order',
    subscriptions: [{ eventType: 'order.created' }],
    takesPerS: 20,
    limits: { ordered: true },
    isClosedAtTimes: true,
    answer: ({ luck }) => ok(5 + 10 * luck),
  },
];

function ok(afterMs: number): Answer {
  return { status: 200, afterMs, body: 'ok' };
}

/** What stands before many a receiver answers so: a page for people. The dashboard shows it as text. */
function page(status: number, title: string): Answer {
  const body = `<html><head><title>${status} ${title}</title></head><body><h1>${title}</h1><script>alert("a receiver's script")</script></body></html>`;
  return { status, afterMs: 20, body, headers: { 'content-type': 'text/html' } };
}
