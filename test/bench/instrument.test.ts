import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ExactCounter } from '../../bench/exact-counts.ts';
import { insertAtRate, producerConnections } from '../../bench/open-loop.ts';
import { readOptions } from '../../bench/options.ts';
import { renderSections } from '../../bench/report.ts';
import type { Steady } from '../../bench/steady.ts';
import { type LatencyRound, rateSections } from '../../bench/studies/peers/latency-report.ts';
import { openServer, type Server } from '../../harness/postgres.ts';

// The parts of the benchmark whose mistakes would be taken for findings.

let server: Server;

beforeAll(async () => {
  server = await openServer(inject('postgresUrl'));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe('the producer at a fixed rate', () => {
  it('leaves out what it is too late for, and says when each commit was due and known', async () => {
    const pool = new pg.Pool({ connectionString: inject('postgresUrl'), max: producerConnections });
    try {
      const result = await insertAtRate(pool, {
        perSecond: 1_000,
        webhooks: 200,
        patienceMs: 100,
        async insert(client, sequence) {
          await client.query('select pg_sleep(0.1)');
          return String(sequence);
        },
      });
      // Ten at a time, a tenth of a second each, for 0.3 s.
      expect(result.size).toBeGreaterThanOrEqual(producerConnections);
      expect(result.size).toBeLessThanOrEqual(4 * producerConnections);
      for (const { sentMs, committedMs } of result.values()) {
        expect(committedMs - sentMs).toBeGreaterThanOrEqual(99);
      }
    } finally {
      await pool.end();
    }
  });

  it('does after the commit what belongs there', async () => {
    const pool = new pg.Pool({ connectionString: inject('postgresUrl'), max: producerConnections });
    const after: string[] = [];
    try {
      const result = await insertAtRate(pool, {
        perSecond: 1_000,
        webhooks: 20,
        insert: async (_client, sequence) => String(sequence),
        afterCommit: async (id) => void after.push(id),
      });
      expect(after.toSorted()).toEqual([...result.keys()].toSorted());
      expect(after).toHaveLength(20);
    } finally {
      await pool.end();
    }
  });
});

describe('the exact counter', () => {
  it('counts each entry that an index gets', async () => {
    await using database = await server.createDatabase('empty');
    const { client } = database;
    const counter = await ExactCounter.open(database);
    await client.query('create table counted (a integer primary key, b integer)');
    await counter.begin();
    await client.query('insert into counted select n, n from generate_series(1, 100) as n');
    const { indexRecords } = await counter.next();
    await client.query('create index counted_b on counted (b)');
    await counter.next();
    await client.query('insert into counted select n, n from generate_series(101, 200) as n');
    const { indexRecords: ofTwo } = await counter.next();
    // Other tests write to the same server.
    expect(indexRecords?.['Btree/INSERT_LEAF']).toBeGreaterThanOrEqual(100);
    expect(ofTwo?.['Btree/INSERT_LEAF']).toBeGreaterThanOrEqual(200);
  });
});

describe('the report of rates beside peers', () => {
  const run = (over: Partial<Steady>): Steady => ({
    perSecond: 500,
    webhooks: 100,
    committed: 100,
    delivered: 100,
    behind: 0,
    lateMs: 1,
    isHeld: true,
    p50Ms: 2,
    p99Ms: 8,
    maxMs: 9,
    fromInsertP50Ms: 3,
    fromInsertP99Ms: 9,
    window: {
      durationMs: 200,
      senderCpuMs: 10,
      receiverCpuMs: 1,
      postgresCpuMs: 20,
      redisCpuMs: 0,
      foreign: 0,
      stolen: 0,
    },
    violations: [],
    ...over,
  });
  const textOf = (peerRuns: readonly Steady[]) => {
    const rounds: LatencyRound[] = [
      { product: [run({})], peers: { bullmq: { runs: peerRuns, violations: [] } } },
    ];
    return renderSections(rateSections({ rounds, names: ['bullmq'], rate: 500 }));
  };

  it('puts figures beside each other and says how they relate', () => {
    const text = textOf([run({ p50Ms: 4, p99Ms: 32 })]);
    expect(text).toMatch(/arrival, p50, ms +2\.0 +4\.0\n/);
    expect(text).toMatch(/p99, Posthorn to BullMQ +0\.25 x/);
    expect(text).toMatch(/CPU of Postgres, Posthorn of BullMQ +100\.0 %/);
  });

  it('says that a rate was not held, and how far behind it was', () => {
    const text = textOf([run({ isHeld: false, delivered: 60, behind: 70, lateMs: 30_000 })]);
    expect(text).toMatch(/arrival, p50, ms +2\.0 +not held\n/);
    expect(text).toMatch(/not arrived when the last was due +0 +70\n/);
    expect(text).toMatch(/p50, Posthorn to BullMQ +unknown/);
    expect(text).toMatch(/CPU of Postgres, Posthorn of BullMQ +unknown/);
  });

  it('says that a rate was not tried, as a lower one was not held', () => {
    expect(textOf([run({ perSecond: 100, isHeld: false })])).toMatch(
      /not arrived when the last was due +0 +not tried\n/,
    );
  });
});

describe('the command line', () => {
  it('takes all peers, or those that are named', () => {
    expect(readOptions([])).toMatchObject({ peers: [], mode: 'drain' });
    expect(readOptions(['--peers'])).toMatchObject({
      peers: ['bullmq', 'pg-boss', 'graphile-worker'],
    });
    expect(readOptions(['--matrix', '--peer', 'pg-boss', '--workers', '2'])).toMatchObject({
      mode: 'matrix',
      peers: ['pg-boss'],
      workers: 2,
      endpoints: 100,
      fixed: { workers: 2 },
    });
  });

  it('refuses what it does not know', () => {
    expect(() => readOptions(['--peer', 'celery'])).toThrow('--peer must be one of bullmq');
    expect(() => readOptions(['--peer-rows', 'some'])).toThrow('--peer-rows');
    expect(() => readOptions(['--workers', ''])).toThrow('--workers');
  });
});

describe('the packages of the benchmark', () => {
  const json = (path: string) =>
    JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));
  const bench = json('bench/package.json');
  const root = json('package.json');

  it('are pinned, and those that Posthorn has too are the same', () => {
    for (const [name, version] of Object.entries(bench.dependencies)) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(root.dependencies[name] ?? version).toBe(version);
    }
    for (const [name, version] of Object.entries(bench.overrides)) {
      expect(root.devDependencies[name]).toBe(version);
    }
  });

  it('name no registry in their lockfile', () => {
    expect(Object.keys(json('bench/package-lock.json').packages).length).toBeGreaterThan(5);
    expect(
      readFileSync(new URL('../../bench/package-lock.json', import.meta.url), 'utf8'),
    ).not.toContain('"resolved"');
  });
});
