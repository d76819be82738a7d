import { expect, it } from 'vitest';
import { actionCases } from './action-cases.ts';
import { addressCases } from './address-cases.ts';
import { bodyCases } from './body-cases.ts';
import { endpointCases } from './endpoint-cases.ts';
import { eventCases } from './event-cases.ts';
import { filterCases } from './filter-cases.ts';
import { httpCases } from './http-cases.ts';
import { ownTests } from './numbered.ts';
import { producerCases } from './producer-cases.ts';
import { readingCases } from './reading-cases.ts';
import { secretCases } from './secret-cases.ts';
import { sendingCases } from './sending-cases.ts';
import { sendingSettingCases } from './sending-setting-cases.ts';

/** Where Posthorn does otherwise than the catalogue wants, in whole or in part, and why. The rows say what it does. */
const decidedOtherwise: Readonly<Record<number, string>> = {
  16: 'A URL may have as much of the 16 KiB of line and headers as it needs; there is no limit of its own.',
  31: 'A key is of no tenant: whoever has one with the scope sees all tenants.',
  35: 'Cursors do not expire, as they hold a place in an order that does not change.',
  36: 'A cursor of a megabyte does not get as far as being a cursor: 431.',
  38: 'A period may be as long as the history, whose lists are read along an index page by page.',
  44: 'An id in a body is a field like others: 400 with a pointer. A disabled endpoint takes webhooks, which wait.',
  54: 'A repeated key answers 202, as the first time, with Idempotent-Replay.',
  57: 'A webhook may be planned for up to a year.',
  59: 'The time limit is a setting of the endpoint, in ms.',
  60: 'An event has a type, which needs no registration; a webhook to one address has none beside its body.',
  61: 'A webhook does not expire: it ends with its last attempt.',
  62: 'Events can be published in bulk. Many webhooks to one address each go in by SQL, in one transaction.',
  63: 'There are no metadata and tags; an endpoint has a description.',
  64: 'Private addresses, local names and ports are left to the guard on the connection, which knows the allowed networks.',
  65: 'Headers are limited by their 8 KiB together, not by their count.',
  66: 'Any text is a secret unless it begins like a key; 65 and 66 bytes pass, being as long in base64 as 64; a new secret is not compared with the sealed one.',
  67: 'The last secret can be taken away by null: the endpoint is then sent to without a signature.',
  68: 'A schedule may be empty (no retries) and need not grow; each delay, not the sum, is at most 30 days.',
  70: 'A tenant needs no registration: any name of 1 to 255 bytes is one. A key is of no tenant.',
  71: 'There are no versions: a change names the fields that it sets, and the last one holds.',
  72: 'An endpoint can be deleted while webhooks wait, which then fail as endpoint_deleted.',
  77: 'A replay that is asked for is a job for any number of webhooks, paced if wished.',
  83: 'A key is of no tenant.',
  93: 'A repeated key is refused by a trigger, which ON CONFLICT DO NOTHING does not pass over: enqueue() is for that.',
  97: 'Ten million in one transaction are left to the benchmarks.',
  99: 'Only who owns the table can switch its trigger off; "posthorn doctor" says when it is.',
  100: 'A transaction with a webhook that is due cannot be prepared, as it notifies; Postgres says so.',
};

it('each number of the catalogue, 1 to 102, has rows or a reason', () => {
  const rows = [
    ...[httpCases, bodyCases, readingCases, sendingCases, sendingSettingCases].flat(),
    ...[addressCases, endpointCases, secretCases, filterCases, actionCases].flat(),
    ...eventCases,
    ...producerCases,
  ].map(([number]) => number);
  const tests = Object.values(ownTests).flat();
  const found = new Set([...rows, ...tests, ...Object.keys(decidedOtherwise).map(Number)]);
  expect([...found].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 102 }, (_, at) => at + 1),
  );
});
