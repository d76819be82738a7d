import type { ProblemPart } from '../../src/input/problem.ts';
import type { Answer } from '../api/served-api.ts';
import type { Ground } from './ground.ts';

/** What goes with a request; one of the first five, or none. */
export interface Given {
  readonly json?: unknown;
  /** JSON as it is written here. */
  readonly text?: string;
  /** Without a content type of their own. */
  readonly bytes?: Uint8Array;
  /** The same, by Transfer-Encoding: chunked. */
  readonly chunks?: Uint8Array;
  /** What follows the request line, on a socket of its own: what fetch would refuse to send, or mend. */
  readonly raw?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What else must be so afterwards. */
type Then = (ground: Ground, answer: Answer) => unknown;

/**
 * One input of the catalogue of bad input: its number there, what it is, the request, what goes with it, and the answer.
 *
 * The request is a method and a path, or with `raw` the whole request line; `{pending}` and the like stand for rows of
 * {@link Ground}, also in JSON. An answer is a status and, of a problem, its code and what it names: a JSON pointer, a `?parameter`
 * or a `Header:`. "closed" is none.
 */
export type Case = readonly [
  number: number,
  what: string,
  request: string,
  given: Given,
  answer: string,
  then?: Then,
];

/** An answer in the words of the tables. */
export function wordsOf({ status, json }: Answer): string {
  if (Number.isNaN(status)) return 'closed';
  if (status < 400) return String(status);
  const [first]: readonly ProblemPart[] = json.errors ?? [];
  return [status, json.code, ...(first === undefined ? [] : [placeOf(first)])].join(' ').trimEnd();
}

function placeOf(part: ProblemPart): string {
  if (part.parameter !== undefined) return `?${part.parameter}`;
  return part.header === undefined ? (part.pointer ?? '') : `${part.header}:`;
}

/** Whatever the catalogue, every path that takes a body, and of which kind. */
export const takers = {
  must: [
    'POST /webhooks/send',
    'POST /webhooks/cancel',
    'POST /replays',
    'POST /endpoints',
    'PATCH /endpoints/{endpoint}',
    'POST /events',
    'POST /events/batch',
    'POST /events/recipients',
    'POST /subscriptions',
    'PATCH /tenants/acme',
    'POST /tenants/acme/rename',
    'POST /endpoints/{endpoint}/catch-up',
  ],
  may: [
    'POST /webhooks/{failed}/retry',
    'POST /webhooks/{pending}/cancel',
    'POST /endpoints/{endpoint}/test',
    'POST /endpoints/{endpoint}/secret/rotate',
    'POST /endpoints/{endpoint}/pause',
    'POST /endpoints/{disabled}/enable',
  ],
} as const;

/** What no answer and no line of the log may hold. */
export const secret = 'hunter2';

export const url = 'https://example.com/hooks';
