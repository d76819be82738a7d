/*
 * The customers of the demo's shop, and the tempers of their receivers. Together they show what a sender of webhooks meets:
 * one that is quick, one that is slow, one that fails now and then, one that is away for a while, one that takes only so
 * much, and one that refuses some for good.
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

export interface Customer {
  /** Of its path at the receiver. */
  readonly name: string;
  /** Shown beside its endpoint. */
  readonly description: string;
  /** Its share of the orders, beside the others' shares. */
  readonly share: number;
  /** How many requests a second it takes at least, over a longer time. What it gets must stay below that. */
  readonly takesPerS: number;
  /** Limits of its endpoint: columns of posthorn.endpoints. */
  readonly limits: { readonly ratePerS?: number; readonly ordered?: boolean };
  answer(moment: Moment): Answer;
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
    share: 6,
    // One at a time, and each waits until the one before it is recorded.
    takesPerS: 10,
    limits: { ordered: true },
    answer: ({ luck }) => ok(2 + 10 * luck),
  },
  {
    name: 'birch',
    description: 'Birch Furniture: slow, up to two seconds',
    share: 3,
    // Eight at a time, of 0.7 s each.
    takesPerS: 8,
    limits: {},
    answer: ({ luck }) => ok(300 + 1_700 * luck ** 3),
  },
  {
    name: 'cobalt',
    description: 'Cobalt Games: fails now and then',
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
    description: 'Ember Coffee: one a second, and 429 to whoever sends more',
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

function ok(afterMs: number): Answer {
  return { status: 200, afterMs, body: 'ok' };
}

/** What stands before many a receiver answers so: a page for people. The dashboard shows it as text. */
function page(status: number, title: string): Answer {
  const body = `<html><head><title>${status} ${title}</title></head><body><h1>${title}</h1><script>alert("a receiver's script")</script></body></html>`;
  return { status, afterMs: 20, body, headers: { 'content-type': 'text/html' } };
}
