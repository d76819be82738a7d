import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DnsAnswer, type DnsServer, startDnsServer } from '../../harness/dns-server.ts';
import {
  createNameResolver,
  type NameResolver,
  type NameResolverOptions,
} from '../../src/http/name-resolver.ts';
import { eventually } from '../support/eventually.ts';

// Against a real name server on loopback, over UDP.

let answers: (name: string, type: string) => DnsAnswer;
let server: DnsServer;
let nowMs: number;
let resolvers: NameResolver[];

beforeEach(async () => {
  answers = () => ({ addresses: ['192.0.2.1'], ttlS: 30 });
  server = await startDnsServer((name, type) => answers(name, type));
  nowMs = 0;
  resolvers = [];
});

afterEach(async () => {
  for (const resolver of resolvers) resolver.close();
  await server[Symbol.asyncDispose]();
});

describe('the name resolver', () => {
  test('asks for both families and gives IPv4 first', async () => {
    answers = () => ({ addresses: ['2606:4700::1', '192.0.2.1', '192.0.2.2'] });
    expect(await ask(create(), 'receiver.test')).toEqual([
      '192.0.2.1',
      '192.0.2.2',
      '2606:4700::1',
    ]);
    expect([...server.questions].sort()).toEqual(['A receiver.test', 'AAAA receiver.test']);
  });

  test.each([
    [0, 5_000],
    [30, 30_000],
    [86_400, 60_000],
  ])('keeps an answer with a TTL of %i s for %i ms', async (ttlS, keptMs) => {
    answers = () => ({ addresses: ['192.0.2.1'], ttlS });
    const resolver = create();
    await ask(resolver, 'receiver.test');
    nowMs = keptMs - 1;
    answers = () => ({ addresses: ['192.0.2.9'] });
    expect(await ask(resolver, 'receiver.test')).toEqual(['192.0.2.1']);
    nowMs = keptMs;
    expect(await ask(resolver, 'receiver.test')).toEqual(['192.0.2.9']);
  });

  test('keeps time by itself if it is given no clock', async () => {
    const resolver = createNameResolver({
      servers: [server.address],
      hostsFile: '/nonexistent',
      minTtlMs: 1,
      maxTtlMs: 1,
    });
    resolvers.push(resolver);
    await eventually(async () => {
      await ask(resolver, 'receiver.test');
      return server.questions.length > 2;
    }, 'an answer that is too old is asked for again');
  });

  test.each<[DnsAnswer, string]>([
    ['no such name', 'ENOTFOUND'],
    [{ addresses: [] }, 'ENODATA'],
    ['failure', 'ESERVFAIL'],
    ['refusal', 'EREFUSED'],
    ['silence', 'ETIMEOUT'],
  ])('answers %j with %s, which it keeps for 5 s', async (answer, code) => {
    answers = () => answer;
    const resolver = create({ timeoutMs: 50 });
    await expect(ask(resolver, 'receiver.test')).rejects.toMatchObject({ code });
    answers = () => ({ addresses: ['192.0.2.1'] });
    nowMs = 4_999;
    await expect(ask(resolver, 'receiver.test')).rejects.toMatchObject({ code });
    nowMs = 5_000;
    expect(await ask(resolver, 'receiver.test')).toEqual(['192.0.2.1']);
  });

  test('is content with one family when the server fails at the other', async () => {
    answers = (_name, type) => (type === 'A' ? { addresses: ['192.0.2.1'] } : 'failure');
    expect(await ask(create(), 'receiver.test')).toEqual(['192.0.2.1']);
  });

  test.each([
    ['A', 'AAAA', '192.0.2.1'],
    ['AAAA', 'A', '2606:4700::1'],
  ])(
    'waits 50 ms for the other family when %s is answered and %s is not',
    async (answered, _, address) => {
      answers = (_name, type) => (type === answered ? { addresses: [address] } : 'silence');
      const resolver = create({ timeoutMs: 10_000 });
      const startedMs = performance.now();
      expect(await ask(resolver, 'receiver.test')).toEqual([address]);
      // One try of the server takes 10 s.
      expect(performance.now() - startedMs).toBeLessThan(5_000);
      expect(await ask(resolver, 'receiver.test')).toEqual([address]);
    },
  );

  test('waits for the other family for as long as it takes when the first has no address', async () => {
    answers = (_name, type) =>
      type === 'A' ? { addresses: ['192.0.2.1'], after: delay(200) } : { addresses: [] };
    expect(await ask(create(), 'receiver.test')).toEqual(['192.0.2.1']);
  });

  test('gives the addresses of a family that came late to who asks next', async () => {
    let late = () => {};
    answers = (_name, type) =>
      type === 'A'
        ? { addresses: ['192.0.2.1'] }
        : {
            addresses: ['2606:4700::1'],
            after: new Promise((resolve) => {
              late = () => resolve(undefined);
            }),
          };
    const resolver = create({ timeoutMs: 10_000 });
    expect(await ask(resolver, 'receiver.test')).toEqual(['192.0.2.1']);
    late();
    const found = await eventually(async () => {
      const known = await ask(resolver, 'receiver.test');
      return known.length > 1 && known;
    }, 'both families are known');
    expect(found).toEqual(['192.0.2.1', '2606:4700::1']);
  });

  test.each<[string, DnsAnswer]>([
    ['addresses', { addresses: [] }],
    ['a name', 'no such name'],
  ])('tells of a server that failed rather than of a family without %s', async (_, absent) => {
    answers = (_name, type) => (type === 'A' ? absent : 'failure');
    await expect(ask(create(), 'receiver.test')).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });

  test('asks once for all who wait for a name, however it is written', async () => {
    const resolver = create();
    const names = ['receiver.test', 'RECEIVER.test', 'receiver.test.'];
    const found = await Promise.all(
      names.flatMap((name) => [ask(resolver, name), ask(resolver, name)]),
    );
    expect(found).toEqual(found.map(() => ['192.0.2.1']));
    expect(server.questions).toHaveLength(2);
  });

  test('is not held up by a hundred names whose server is silent', async () => {
    answers = (name) => (name === 'good.test' ? { addresses: ['192.0.2.1'] } : 'silence');
    const resolver = create({ timeoutMs: 60_000 });
    const silent = Array.from({ length: 100 }, (_, n) => ask(resolver, `silent${n}.test`));
    const ended = Promise.allSettled(silent);
    expect(await ask(resolver, 'good.test')).toEqual(['192.0.2.1']);
    resolver.close();
    expect((await ended).map(({ status }) => status)).toEqual(silent.map(() => 'rejected'));
  });

  test('keeps no more names than it may, and forgets the oldest first', async () => {
    const resolver = create({ maxNames: 3 });
    for (const n of [1, 2, 3, 4]) await ask(resolver, `name${n}.test`);
    expect(resolver.size).toBe(3);
    const before = server.questions.length;
    await ask(resolver, 'name4.test');
    expect(server.questions).toHaveLength(before);
    await ask(resolver, 'name1.test');
    expect(server.questions).toHaveLength(before + 2);
  });

  test('keeps at most eight addresses of a family', async () => {
    answers = () => ({ addresses: Array.from({ length: 20 }, (_, n) => `192.0.2.${n}`) });
    expect(await ask(create(), 'receiver.test')).toHaveLength(8);
  });

  test('knows localhost without asking anybody', async () => {
    for (const name of ['localhost', 'LOCALHOST', 'localhost.', 'api.localhost']) {
      expect(await ask(create(), name)).toEqual(['127.0.0.1', '::1']);
    }
    expect(server.questions).toEqual([]);
  });

  test('takes from the hosts file what is in it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'posthorn-hosts-'));
    try {
      const hostsFile = join(directory, 'hosts');
      await writeFile(
        hostsFile,
        '# a comment\n127.0.0.1 localhost\n10.0.0.7\tReceiver.internal receiver # another\n::7 receiver\nnonsense x\n',
      );
      const resolver = create({ hostsFile });
      expect(await ask(resolver, 'receiver.internal')).toEqual(['10.0.0.7']);
      expect(await ask(resolver, 'receiver')).toEqual(['10.0.0.7', '::7']);
      expect(await ask(resolver, 'x')).toEqual(['192.0.2.1']);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

function create(options: NameResolverOptions = {}): NameResolver {
  const resolver = createNameResolver({
    servers: [server.address],
    hostsFile: '/nonexistent',
    nowMs: () => nowMs,
    ...options,
  });
  resolvers.push(resolver);
  return resolver;
}

function ask(resolver: NameResolver, name: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    resolver.lookup(name, { all: true }, (error, found) => {
      if (error !== null) reject(error);
      else if (typeof found === 'string') reject(new Error('Expected all addresses'));
      else resolve(found.map(({ address }) => address));
    });
  });
}
