import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { actionCases } from './action-cases.ts';
import { addressCases } from './address-cases.ts';
import { bodyCases } from './body-cases.ts';
import { endpointCases } from './endpoint-cases.ts';
import { filterCases } from './filter-cases.ts';
import { httpCases } from './http-cases.ts';
import { producerCases } from './producer-cases.ts';
import { readingCases } from './reading-cases.ts';
import { secretCases } from './secret-cases.ts';
import { sendingCases } from './sending-cases.ts';
import { sendingSettingCases } from './sending-setting-cases.ts';

/** Cases of the catalogue that have no row, and why. */
const decidedOtherwise: Readonly<Record<number, string>> = {
  31: 'Posthorn has no tenants: a database is one, and the scopes of a key are tried in test/api/authentication.test.ts.',
  83: 'Posthorn has no tenants that a producer could name.',
};

it('has each of its 102 cases as a row, as a test, or with the reason why not', () => {
  const tables = [
    actionCases,
    addressCases,
    bodyCases,
    endpointCases,
    filterCases,
    httpCases,
    producerCases,
    readingCases,
    secretCases,
    sendingCases,
    sendingSettingCases,
  ];
  const rows = tables.flatMap((table) => table.map(([number]) => number));
  const folder = fileURLToPath(new URL('.', import.meta.url));
  const tests = readdirSync(folder)
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => [...readFileSync(folder + name, 'utf8').matchAll(/it\('(\d+): /g)])
    .map(([, number]) => Number(number));
  const known = new Set([...rows, ...tests, ...Object.keys(decidedOtherwise).map(Number)]);
  const missing = Array.from({ length: 102 }, (_, at) => at + 1).filter((n) => !known.has(n));
  expect(missing).toEqual([]);
});
