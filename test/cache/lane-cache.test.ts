import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeCertificates } from '../../harness/certificates.ts';
import { hasRedis, type RedisServer, startRedis } from '../../harness/redis.ts';
import { LaneCache } from '../../src/cache/lane-cache.ts';
import type { Log } from '../../src/log.ts';
import { eventually } from '../support/eventually.ts';

// The cache against a real Redis: alive, flushed, killed, frozen, full, and with somebody else's data under our keys.

const namespace = 'test';
const key = (name: string) => `posthorn:{${namespace}}:${name}`;
const lane = (n: number, priority = 1) => ({
  lane: String(n),
  priority,
  dueMs: 1_000 + n,
  groups: { tenant: n % 2 === 0 ? null : '5', origin: '6' },
});

const soon = { nextInMs: 5_000 };

let redis: RedisServer;
let caches: LaneCache[];
let said: string[];

/** Keeps what is logged. */
const log = new Proxy(Object.create(null), {
  get: () => (fields: object, message: string) => said.push(`${JSON.stringify(fields)} ${message}`),
}) as Log;

describe.skipIf(!hasRedis)('the lane cache', () => {
  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(() => redis.stop());

  beforeEach(async () => {
    await redis.client.flushAll();
    caches = [];
    said = [];
  });

  afterEach(() => {
    for (const cache of caches) cache.close();
  });

  it('lets one worker scan for all, and gives the others what it found, best first', async () => {
    const [first, second] = [await open(), await open()];
    // Each scans once by itself, whatever Redis says.
    await first.share([], soon);
    await second.share([], soon);
    await redis.client.unlink(key('scan'));
    expect([await first.mayScan(), await second.mayScan()].toSorted()).toEqual([false, true]);
    await first.share([lane(3), lane(1, 2), lane(7), lane(9, 0)], soon);
    expect(await second.hints(3)).toEqual([lane(9, 0), lane(3), lane(7)]);
    // Taken out: another worker gets other lanes.
    expect(await first.hints(3)).toEqual([lane(1, 2)]);
  });

  it('lets nobody scan before the next scan is due', async () => {
    const [first, second] = [await open(), await open()];
    await second.share([], soon);
    await first.share([], { nextInMs: 40_000 });
    expect(await second.mayScan()).toBe(false);
    expect(await redis.client.pTTL(key('scan'))).toBeGreaterThan(30_000);
  });

  it('gives two workers different lanes', async () => {
    const [first, second] = [await open(), await open()];
    await first.share(
      Array.from({ length: 5_000 }, (_, n) => lane(n)),
      soon,
    );
    const taken = await Promise.all(
      Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? first : second).hints(500)),
    );
    expect(new Set(taken.flat().map((hint) => hint.lane)).size).toBe(5_000);
  });

  it('replaces what an earlier scan found', async () => {
    const cache = await open();
    await cache.share([lane(1), lane(2)], soon);
    await cache.share([lane(3)], soon);
    expect(await cache.hints(10)).toEqual([lane(3)]);
    await cache.share([lane(4)], soon);
    await cache.share([], soon);
    expect(await cache.hints(10)).toEqual([]);
  });

  it('leaves nothing behind that stays', async () => {
    const cache = await open();
    await cache.mayScan();
    await cache.share([lane(1)], soon);
    await cache.mayScan();
    cache.wake();
    await eventually(
      async () => (await redis.client.exists(key('wake'))) === 1,
      'the call is there',
    );
    for (const name of await redis.client.keys('*')) {
      expect(await redis.client.pTTL(name)).toBeGreaterThan(0);
    }
  });

  it('keeps databases apart', async () => {
    const cache = await open();
    const other = await open({ namespace: 'other' });
    await cache.share([lane(1)], soon);
    expect(await other.hints(10)).toEqual([]);
  });

  it('wakes one of those who wait', async () => {
    const waiter = await open();
    let calls = 0;
    waiter.listen(() => {
      calls += 1;
    });
    const caller = await open();
    caller.wake();
    await eventually(async () => calls === 1, 'the call arrives');
    caller.wake();
    caller.wake();
    await eventually(async () => calls === 2, 'the next arrives, once');
  });

  it('shares the best of very much', async () => {
    const cache = await open();
    const lanes = Array.from({ length: 60_000 }, (_, n) => lane(60_000 - n));
    // On a busy machine, so many take longer than the cache waits for an answer.
    await eventually(
      async () => {
        await cache.share(lanes, soon);
        return (await redis.client.zCard(key('lanes'))) === 50_000;
      },
      'the best are shared',
      150_000,
    );
    await eventually(async () => (await cache.hints(1))[0]?.lane === '1', 'the best is a hint');
  });

  it('is empty after FLUSHALL, and goes on', async () => {
    const cache = await open();
    await cache.share([lane(1)], soon);
    await redis.client.flushAll();
    expect(await cache.hints(10)).toEqual([]);
    expect(await cache.mayScan()).toBe(true);
    await cache.share([lane(2)], soon);
    expect(await cache.hints(10)).toEqual([lane(2)]);
  });

  it('does without Redis when it is killed, and uses it again when it is back', async () => {
    const cache = await open();
    await cache.share([lane(1)], soon);
    await redis.kill();
    await eventually(async () => (await cache.mayScan()) && !cache.isUsable, 'it is given up');
    expect(await cache.hints(10)).toEqual([]);
    await redis.restart();
    await eventually(async () => {
      await cache.mayScan();
      return cache.isUsable;
    }, 'it is used again');
    // Once for the connection that broke, once for those that are refused.
    expect(said.filter((line) => line.includes('does not answer')).length).toBeLessThan(3);
    expect(said.filter((line) => line.includes('is in use'))).toHaveLength(2);
  });

  it('answers at once while Redis is frozen, but for the first question', async () => {
    const cache = await open();
    await cache.share([lane(1)], soon);
    redis.signal('SIGSTOP');
    try {
      const startedMs = performance.now();
      expect(await cache.mayScan()).toBe(true);
      expect(performance.now() - startedMs).toBeLessThan(2_000);
      expect(cache.isUsable).toBe(false);
      const nextMs = performance.now();
      for (let n = 0; n < 100; n += 1) {
        expect(await cache.mayScan()).toBe(true);
        expect(await cache.hints(10)).toEqual([]);
      }
      expect(performance.now() - nextMs).toBeLessThan(200);
    } finally {
      redis.signal('SIGCONT');
    }
    await eventually(async () => {
      await cache.mayScan();
      return cache.isUsable;
    }, 'it is used again');
  });

  it('is not fooled by a lock that would never end', async () => {
    const cache = await open();
    await cache.share([], soon);
    await redis.client.set(key('scan'), 'somebody else');
    expect(await cache.mayScan()).toBe(true);
    await redis.client.set(key('scan'), 'x', { expiration: { type: 'EX', value: 3_600 } });
    expect(await cache.mayScan()).toBe(true);
    await redis.client.hSet(key('scan'), 'a', 'hash');
    expect(await cache.mayScan()).toBe(true);
    expect(await cache.mayScan()).toBe(true);
    expect(await cache.mayScan()).toBe(false);
  });

  it('drops what no worker has written, and what is of another type', async () => {
    const cache = await open();
    await cache.share([lane(5)], soon);
    await redis.client.zAdd(key('lanes'), [
      { value: 'nonsense', score: 0 },
      { value: '1:7', score: 1 },
      { value: 'x'.repeat(1_000_000), score: 2 },
      { value: '7:1', score: Number.POSITIVE_INFINITY },
    ]);
    expect(await cache.hints(10)).toEqual([lane(5)]);
    await redis.client.set(key('lanes'), 'a string');
    expect(await cache.hints(10)).toEqual([]);
    expect(cache.isUsable).toBe(true);
    await cache.share([lane(6)], soon);
    expect(await cache.hints(10)).toEqual([lane(6)]);
    await redis.client.set(key('wake'), 'a string');
    let calls = 0;
    cache.listen(() => {
      calls += 1;
    });
    await eventually(async () => {
      cache.wake();
      return calls > 0;
    }, 'calls arrive again');
    expect(cache.isUsable).toBe(true);
  });

  it('does without a Redis that is full', async () => {
    await redis.client.configSet('maxmemory', '1');
    try {
      const cache = await open({ patient: false });
      await eventually(async () => {
        await cache.mayScan();
        await cache.share([lane(1)], soon);
        return said.some((line) => line.includes('OOM'));
      }, 'it says why');
      expect(await cache.mayScan()).toBe(true);
    } finally {
      await redis.client.configSet('maxmemory', '0');
    }
  });

  it('does without a Redis that is not there, and ends at once', async () => {
    const cache = await open({ url: 'redis://:hunter2@127.0.0.1:1', patient: false });
    expect(await cache.mayScan()).toBe(true);
    await cache.share([lane(1)], soon);
    expect(await cache.hints(10)).toEqual([]);
    cache.listen(() => {});
    cache.wake();
    await eventually(async () => said.length > 0, 'it says so');
    cache.close();
    expect(said.join()).toContain('ECONNREFUSED');
    expect(said.join()).not.toContain('hunter2');
  });

  it('logs in with a password, and says once that it cannot with a wrong one', async () => {
    await using guarded = await startRedis(['--requirepass', 'right one']);
    const good = await open({ url: `redis://:right%20one@127.0.0.1:${guarded.port}` });
    expect(good.isUsable).toBe(true);
    const bad = await open({ url: `redis://:wrong@127.0.0.1:${guarded.port}`, patient: false });
    await eventually(async () => said.some((line) => line.includes('WRONGPASS')), 'it says why');
    expect(await bad.mayScan()).toBe(true);
    expect(said.join()).not.toMatch(/wrong[^ ]*@|right/);
  });

  it('logs in as a user, to a database by number', async () => {
    await using guarded = await startRedis(['--user', 'posthorn', 'on', '>pw', '~*', '+@all']);
    const cache = await open({ url: `redis://posthorn:pw@127.0.0.1:${guarded.port}/3` });
    await cache.share([lane(1)], soon);
    expect(await cache.hints(1)).toEqual([lane(1)]);
  });

  it('speaks TLS, to those it has reason to trust', async () => {
    const { good, ca } = await makeCertificates();
    const path = join(tmpdir(), `posthorn-redis-${randomBytes(6).toString('hex')}`);
    await writeFile(`${path}.crt`, good.cert);
    await writeFile(`${path}.key`, good.key);
    await writeFile(`${path}.ca`, ca);
    const files = ['--tls-cert-file', `${path}.crt`, '--tls-key-file', `${path}.key`];
    await using encrypted = await startRedis([
      ...['--tls-port', '<port>', '--tls-ca-cert-file', `${path}.ca`],
      ...[...files, '--tls-auth-clients', 'no'],
    ]);
    const url = `rediss://127.0.0.1:${encrypted.port}`;
    const trusting = await open({ url, ca });
    await trusting.share([lane(1)], soon);
    expect(await trusting.hints(1)).toEqual([lane(1)]);
    await open({ url, patient: false });
    await eventually(
      async () => said.some((line) => line.includes('SELF_SIGNED_CERT_IN_CHAIN')),
      'it says why',
    );
  });
});

async function open(
  options: { url?: string; namespace?: string; ca?: string; patient?: boolean } = {},
): Promise<LaneCache> {
  const { patient = true } = options;
  const cache = new LaneCache({
    url: options.url ?? redis.url,
    log,
    namespace: options.namespace ?? namespace,
    ca: options.ca,
  });
  caches.push(cache);
  if (patient) await eventually(async () => cache.isUsable, 'Redis answers');
  return cache;
}
