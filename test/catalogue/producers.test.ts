import { inspect } from 'node:util';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeRoles } from '../../src/db/roles.ts';
import { codeOf } from '../../src/db/sqlstate.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { startOwnServer } from '../support/own-server.ts';
import { connect, createTestRoles, randomPrefix, type TestRoles } from '../support/roles.ts';
import { secret, url } from './case.ts';
import { CopyIn } from './copy-in.ts';
import { fingerprinter } from './ground.ts';
import { numbered, ownTests } from './numbered.ts';
import { type ProducerCase, producerCases } from './producer-cases.ts';

// The catalogue of bad input, section F: a producer is refused at INSERT, by a rule that names itself. What is legal ends
// with an outcome, whatever it is, and stops no worker: test/secrets/poison.test.ts.

const { titled, numbers } = numbered();

let database: TestDatabase;
let roles: TestRoles;
let producer: pg.Client;
let fingerprint: () => Promise<string>;
const ids: Record<string, string> = {};

beforeAll(async () => {
  database = await createTestDatabase();
  roles = await createTestRoles(database);
  producer = await roles.connect('producer');
  fingerprint = await fingerprinter(database);
  ids['endpoint'] = (await registerEndpoint(database, { url, secret })).id;
  const deleted = await registerEndpoint(database, { url });
  await deleted.set({ status: 'deleted' });
  ids['deleted'] = deleted.id;
  await insert(producer, {});
});

afterAll(async () => {
  await producer.end();
  await roles[Symbol.asyncDispose]();
});

it.each(producerCases.map(([number, what, given, end]) => ({ number, what, given, end })))(
  '$number: $what ends with $end',
  async ({ given, end }) => {
    const before = await fingerprint();
    const found = await endOfTry(given);
    expect(found.end).toBe(end);
    if (end === 'accepted') return;
    expect(await fingerprint()).toBe(before);
    // Of a rule of ours, nothing of the row gets into the error, nor into the log of Postgres.
    if (end.includes('outbox_')) expect(found.text).not.toContain(secret);
    // The session is not spoilt.
    await insert(producer, {});
  },
);

it(titled(92, 'an id twice is refused, also where somebody may choose ids'), async () => {
  await using owner = await roles.connect('owner');
  const { rows } = await owner.query<{ id: string }>('select id from posthorn.outbox limit 1');
  await expect(insert(owner, { id: rows[0]?.id })).rejects.toMatchObject({ code: '23505' });
});

it(
  titled(93, 'a key twice is refused by name, and enqueue() gives the id that is there'),
  async () => {
    await insert(producer, { idempotency_key: 'twice' });
    const columns = 'insert into posthorn.outbox (url, body, idempotency_key)';
    for (const end of ['', 'on conflict do nothing']) {
      await expect(
        producer.query(`${columns} values ($1, '', 'twice') ${end}`, [url]),
      ).rejects.toMatchObject({ code: '23505', constraint: 'outbox_idempotency_key_is_unique' });
    }
    await expect(
      producer.query(
        `${columns} values ($1, '', 'twice') on conflict (idempotency_key) do nothing`,
        [url],
      ),
    ).rejects.toMatchObject({ code: '42P10' });
    const enqueue = async () =>
      (await producer.query(`select posthorn.enqueue($1, '', idempotency_key => 'twice')`, [url]))
        .rows;
    expect(await enqueue()).toEqual(await enqueue());
  },
);

it(titled(95, 'COPY inserts what is right, and nothing of what has one wrong line'), async () => {
  const copy = 'copy posthorn.outbox (url, body) from stdin';
  const waiting = await countQueue();
  await CopyIn.run(producer, { statement: copy, lines: `${url}\t{}\n${url}\t{"n": 1}\n` });
  expect(await countQueue()).toBe(waiting + 2);
  for (const [line, end] of [
    ['ftp://example.com\t{}', '23514 outbox_url_is_http'],
    [`${url}\t\\N`, '23514 outbox_body_is_given'],
    [url, '22P04'],
  ]) {
    const copied = CopyIn.run(producer, { statement: copy, lines: `${url}\t{}\n${line}\n` });
    expect(await copied.then(() => 'accepted', endOf)).toBe(end);
  }
  expect(await countQueue()).toBe(waiting + 2);
});

it(
  titled(
    96,
    'what was inserted after a savepoint is gone when that is rolled back, and its key is free',
  ),
  async () => {
    const waiting = await countQueue();
    await producer.query('begin; savepoint here');
    await insert(producer, { idempotency_key: 'saved' });
    await producer.query('rollback to here');
    await insert(producer, { idempotency_key: 'saved' });
    await producer.query('commit');
    expect(await countQueue()).toBe(waiting + 1);
  },
);

it(
  titled(97, '100,000 in one transaction, each with its own, go into the queue once'),
  async () => {
    const waiting = await countQueue();
    await producer.query('begin');
    for (const _ of [1, 2]) {
      await producer.query(
        `insert into posthorn.outbox (url, body)
       select 'https://example.com/' || n % 7, '' from generate_series(1, 50000) as n`,
      );
    }
    await producer.query('commit');
    expect(await countQueue()).toBe(waiting + 100_000);
  },
);

it(titled(98, 'tables of the same names in a schema of their own change nothing'), async () => {
  await using shadowing = await roles.connect('producer');
  await shadowing.query(
    'create temporary table queue (id integer); create temporary table outbox (id integer); set search_path = pg_temp',
  );
  const waiting = await countQueue();
  await insert(shadowing, {});
  expect(await countQueue()).toBe(waiting + 1);
  expect((await shadowing.query('select * from pg_temp.queue')).rows).toEqual([]);
});

it(
  titled(100, 'at the strictest isolation, one of two with the same key is refused, and no other'),
  async () => {
    await using other = await roles.connect('producer');
    for (const client of [producer, other]) {
      await client.query('begin isolation level serializable');
      await client.query('select count(*) from pg_catalog.pg_class');
    }
    await insert(producer, { idempotency_key: 'serial' });
    const second = insert(other, { idempotency_key: 'serial' }).then(() => 'accepted', endOf);
    await insert(producer, {});
    await producer.query('commit');
    expect(['40001', '23505 outbox_idempotency_key_is_unique']).toContain(await second);
    await other.query('rollback');
  },
);

it(
  titled(
    100,
    'a transaction that is prepared is refused when it would wake workers, or is sent when it is committed',
  ),
  async () => {
    await using server = await startOwnServer({ max_prepared_transactions: '5' });
    await using own = await server.database();
    const prefix = randomPrefix();
    await makeRoles({ databaseUrl: own.url, log: createLog('silent'), prefix });
    await using client = await connect(own.url);
    await client.query(`set role ${prefix}_producer`);
    await client.query('begin');
    await insert(client, {});
    // Postgres cannot keep a NOTIFY for later.
    await expect(client.query(`prepare transaction 'now'`)).rejects.toMatchObject({
      code: '0A000',
    });
    await client.query('begin');
    await insert(client, { send_at: new Date(Date.now() + 60_000) });
    await client.query(`prepare transaction 'later'`);
    const queued = 'select count(*)::integer as n from posthorn.queue';
    expect((await own.pool.query(queued)).rows).toEqual([{ n: 0 }]);
    await client.query(`commit prepared 'later'`);
    expect((await own.pool.query(queued)).rows).toEqual([{ n: 1 }]);
  },
);

it(
  titled(102, 'a time limit that ends an insert within its trigger is the producer’s error alone'),
  async () => {
    await using other = await roles.connect('producer');
    await other.query('begin');
    await insert(other, { idempotency_key: 'held' });
    const before = await fingerprint();
    await producer.query(`set statement_timeout = '50ms'`);
    await expect(insert(producer, { idempotency_key: 'held' })).rejects.toMatchObject({
      code: '57014',
      where: expect.stringContaining('outbox_to_queue'),
    });
    await producer.query('reset statement_timeout');
    expect(await fingerprint()).toBe(before);
    await other.query('commit');
    await insert(producer, {});
  },
);

/** In a transaction, which is committed if it can be. */
async function endOfTry(given: ProducerCase[2]): Promise<{ end: string; text: string }> {
  await producer.query('begin');
  try {
    if (typeof given !== 'string') await insert(producer, given);
    else await producer.query(given.replace(/\{(\w+)\}/g, (all, name) => ids[name] ?? all));
    await producer.query('commit');
    return { end: 'accepted', text: '' };
  } catch (error) {
    await producer.query('rollback');
    return { end: endOf(error), text: inspect(error, { depth: null, showHidden: true }) };
  }
}

async function insert(client: pg.Client, change: Readonly<Record<string, unknown>>): Promise<void> {
  const row: Record<string, unknown> = { url, body: '{}', ...change };
  if (row['endpoint_id'] === '{endpoint}') row['endpoint_id'] = ids['endpoint'];
  const columns = Object.keys(row);
  await client.query(
    `insert into posthorn.outbox (${columns.join(', ')})
     values (${columns.map((_, at) => `$${at + 1}`).join(', ')})`,
    Object.values(row),
  );
}

/** The SQLSTATE, and the constraint if it is one of ours. */
function endOf(error: unknown): string {
  const constraint = Reflect.get(Object(error), 'constraint');
  return [codeOf(error), ...(typeof constraint === 'string' ? [constraint] : [])].join(' ');
}

async function countQueue(): Promise<number> {
  const { rows } = await database.pool.query<{ n: number }>(
    'select count(*)::integer as n from posthorn.queue',
  );
  return rows[0]?.n ?? -1;
}

it('has a test of each number that is not in the tables', () => {
  expect(numbers()).toEqual(ownTests.producers);
});
