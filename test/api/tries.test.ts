import { describe, expect, it } from 'vitest';
import { networkOf } from '../../src/api/authentication.ts';
import { KeyLookups } from '../../src/api/key-lookups.ts';
import { hashOfKey, type UsableKey, useApiKeys } from '../../src/queries/api-keys.ts';
import { eventually } from '../support/eventually.ts';
import { bearer, keyedApiForEachTest } from './keyed-api.ts';
import type { TestApi } from './served-api.ts';

// How often somebody may try: wrong keys by address, right ones by key.

const keyed = keyedApiForEachTest();
const { clock, makeKey, serve } = keyed;

let made = 0;
const wrongKey = () => {
  made += 1;
  return `phk_${String(made).padStart(43, 'B')}`;
};

const ask = async (key: string, api: TestApi = keyed.api) =>
  await api.ask('/webhooks', { headers: bearer(key) });

async function statuses(count: number, key: () => string, api?: TestApi): Promise<number[]> {
  const found: number[] = [];
  for (let times = 0; times < count; times += 1) found.push((await ask(key(), api)).status);
  return found;
}

const times = (count: number, status: number): number[] => Array(count).fill(status);

describe('wrong keys', () => {
  it('are answered 401 ten times, then one in 5 s, and otherwise 429', async () => {
    await makeKey();
    expect(await statuses(12, wrongKey)).toEqual([...times(10, 401), ...times(2, 429)]);
    const told = await ask(wrongKey());
    expect(told.headers.get('retry-after')).toBe('5');
    expect(told.json).toMatchObject({
      code: 'too_many_requests',
      title: 'Too many requests',
      detail: expect.stringContaining('an address may try 10 of these, and then one in 5 s'),
    });
    clock.nowMs += 4_998;
    expect(await statuses(1, wrongKey)).toEqual([429]);
    clock.nowMs += 3;
    expect(await statuses(2, wrongKey)).toEqual([401, 429]);
  });

  it('are ten at once again after 50 s, and no more however long nobody tried', async () => {
    await makeKey();
    expect(await statuses(11, wrongKey)).toContain(429);
    clock.nowMs += 50_001;
    expect(await statuses(11, wrongKey)).toEqual([...times(10, 401), 429]);
    clock.nowMs += 3_600_000;
    expect(await statuses(11, wrongKey)).toEqual([...times(10, 401), 429]);
  });

  it('that come all at once are no more than those that come one by one', async () => {
    await makeKey();
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(wrongKey())));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([
      ...times(10, 401),
      ...times(90, 429),
    ]);
  });

  it('stop no key that exists, known or new', async () => {
    const { key } = await makeKey();
    expect((await ask(key)).status).toBe(200);
    expect(await statuses(15, wrongKey)).toContain(429);
    const { key: another } = await makeKey();
    expect([(await ask(key)).status, (await ask(another)).status]).toEqual([200, 200]);
  });

  it('do not stop it either while they come, from its first request on', async () => {
    const { key } = await makeKey();
    const attack = new AbortController();
    let tries = 0;
    const tryOn = async () => {
      while (!attack.signal.aborted) {
        tries += 1;
        await ask(wrongKey());
      }
    };
    const attackers = Array.from({ length: 8 }, tryOn);
    await eventually(async () => tries > 50, 'the address has no tries left');
    const found: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const { key: another } = await makeKey();
      for (const each of [key, another]) found.push((await ask(each)).status);
    }
    attack.abort();
    await Promise.all(attackers);
    expect(found).toEqual(times(10, 200));
  });
});

it.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '::ffff:203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::1', '2001:db8:1:2'],
  ['2001:db8:1:2::', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:db8::3:4:5:6:7', '2001:db8:0:3'],
  ['::1', '0:0:0:0'],
])('wrong keys from %s count for %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

it('a new key that many requests begin with at once is looked up without using up tries', async () => {
  const { key } = await makeKey();
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(key)));
  expect(answers.map(({ status }) => status)).toEqual(times(50, 200));
  expect(await statuses(10, wrongKey)).toEqual(times(10, 401));
});

it('keys that are asked for at the same time take two statements at a time, however many they are', async () => {
  const asked: number[] = [];
  let running = 0;
  let most = 0;
  const lookups = new KeyLookups(async (hashes) => {
    running += 1;
    most = Math.max(most, running);
    asked.push(hashes.length);
    const found = await useApiKeys(keyed.api.pool, hashes);
    running -= 1;
    return found;
  });
  const { key, row } = await makeKey();
  const wrong = Array.from({ length: 1_000 }, (_, at) => lookups.find(hashOfKey(`wrong ${at}`)));
  expect((await lookups.find(hashOfKey(key)))?.id).toBe(row.id);
  expect(new Set(await Promise.all(wrong))).toEqual(new Set([undefined]));
  expect(most).toBe(2);
  expect(Math.max(...asked)).toBe(500);
  expect(asked.length).toBeLessThanOrEqual(5);
});

it('whoever asked for a key hears of it when Postgres does not answer, and the next one is asked for again', async () => {
  const answers: (() => ReadonlyMap<string, UsableKey>)[] = [
    () => {
      throw new Error('away');
    },
    () => new Map(),
  ];
  const lookups = new KeyLookups(async () => answers.shift()?.() ?? new Map());
  await expect(lookups.find(hashOfKey('one'))).rejects.toThrow('away');
  expect(await lookups.find(hashOfKey('one'))).toBeUndefined();
});

describe('requests of one key, if they are limited', () => {
  const limitsOf = ({ headers }: { readonly headers: Headers }) => [
    headers.get('ratelimit-policy'),
    headers.get('ratelimit'),
    headers.get('retry-after'),
  ];

  it('are spread evenly: at 10 a second one in 100 ms, of each key by itself', async () => {
    await using limited = await serve({ rateLimitPerS: 10 });
    const [{ key }, { key: other }] = [await makeKey(), await makeKey()];
    const first = await ask(key, limited);
    expect([first.status, ...limitsOf(first)]).toEqual([
      200,
      '"key";q=10;w=1',
      '"key";r=0;t=1',
      null,
    ]);
    const refused = await ask(key, limited);
    expect([refused.status, ...limitsOf(refused)]).toEqual([
      429,
      '"key";q=10;w=1',
      '"key";r=0;t=1',
      '1',
    ]);
    expect(refused.json).toMatchObject({
      title: 'Too many requests',
      detail: expect.stringContaining('a key may make 10 requests a second at this process'),
    });
    expect((await ask(other, limited)).status).toBe(200);
    clock.nowMs += 99;
    expect((await ask(key, limited)).status).toBe(429);
    clock.nowMs += 1;
    expect((await ask(key, limited)).status).toBe(200);
  });

  it('may come at once for a tenth of a second', async () => {
    await using limited = await serve({ rateLimitPerS: 100 });
    const { key } = await makeKey();
    const first = await ask(key, limited);
    expect(limitsOf(first)).toEqual(['"key";q=100;w=1', '"key";r=9;t=1', null]);
    expect(await statuses(11, () => key, limited)).toEqual([...times(9, 200), ...times(2, 429)]);
    clock.nowMs += 3_600_000;
    expect(await statuses(11, () => key, limited)).toEqual([...times(10, 200), 429]);
  });

  it('may be fewer than one a second; then the wait is told in full', async () => {
    await using limited = await serve({ rateLimitPerS: 0.1 });
    const { key } = await makeKey();
    expect(limitsOf(await ask(key, limited))).toEqual(['"key";q=1;w=10', '"key";r=0;t=10', null]);
    expect(limitsOf(await ask(key, limited))[2]).toBe('10');
    clock.nowMs += 8_000;
    expect(limitsOf(await ask(key, limited))[2]).toBe('2');
  });

  it('are not counted where there is no limit', async () => {
    const { key } = await makeKey();
    expect(limitsOf(await ask(key))).toEqual([null, null, null]);
  });
});
