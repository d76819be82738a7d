import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  enqueue,
  enqueueMany,
  publish,
  publishMany,
  RefusedError,
  type Transaction,
} from '../../src/producer/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Library, libraries } from '../support/libraries.ts';
import { createTestRoles, type TestRoles } from '../support/roles.ts';

// What enqueue() and publish() do in the transactions of each library, with the rights of a producer and no others.

const url = 'https://example.com/hooks';
const secret = 'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQgISEh';
/** With all that one of the libraries could take for something of its own. */
const odd = 'it\'s ? ?? :a ::b $1 $$ %s \\ \\? " 𝄞\n\t';

let database: TestDatabase;
let roles: TestRoles;

beforeAll(async () => {
  database = await createTestDatabase();
  roles = await createTestRoles(database);
});

afterAll(() => roles[Symbol.asyncDispose]());

/** The bodies and headers of rows, in the order of their ids. */
async function stored(ids: readonly string[]): Promise<unknown[]> {
  const { rows } = await database.pool.query(
    `select o.body, o.headers, o.event_type
     from unnest($1::uuid[]) with ordinality as n (id, place)
     join posthorn.outbox as o using (id)
     order by n.place`,
    [ids],
  );
  return rows.map(({ body, headers, event_type: type }) => [body, headers, type]);
}

describe.each(Object.entries(libraries))('%s', (name, open) => {
  let library: Library;

  beforeAll(async () => {
    library = await open(roles.urls.producer);
  });

  afterAll(() => library[Symbol.asyncDispose]());

  it('commits webhooks and events, byte for byte', async () => {
    const ids = await library.transaction(async (tx) => [
      await enqueue(tx, { url, body: odd, headers: { 'X-Shop': 'a\'b"c' }, secret }),
      await publish(tx, { eventType: 'order.created', body: { odd }, tenant: 'acme' }),
      ...(await enqueueMany(tx, [
        { url, body: { n: 1 } },
        { url, body: odd, headers: { a: 'b' } },
      ])),
      ...(await publishMany(tx, [
        { eventType: 'a', body: { n: 1 } },
        { eventType: 'b', body: odd },
      ])),
    ]);
    expect(await stored(ids)).toEqual([
      [odd, { 'X-Shop': 'a\'b"c' }, null],
      [JSON.stringify({ odd }), null, 'order.created'],
      ['{"n":1}', null, null],
      [odd, { a: 'b' }, null],
      ['{"n":1}', null, 'a'],
      [odd, null, 'b'],
    ]);
  });

  it('takes everything back with the transaction', async () => {
    const ids: string[] = [];
    const rolledBack = library.transaction(async (tx) => {
      ids.push(await enqueue(tx, { url, body: '1', idempotencyKey: `${name} back` }));
      ids.push(
        ...(await enqueueMany(tx, [
          { url, body: '2' },
          { url, body: '3' },
        ])),
      );
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    expect(new Set(ids).size).toBe(3);
    expect(await stored(ids)).toEqual([]);
  });

  it('gives the id of the first for an idempotency key that is known', async () => {
    const webhook = { url, body: '1', idempotencyKey: `${name} key` };
    const id = await library.transaction((tx) => enqueue(tx, webhook));
    const [again, other] = await library.transaction((tx) =>
      enqueueMany(tx, [webhook, { url, body: '2' }]),
    );
    expect(again).toBe(id);
    expect(await stored([`${other}`])).toEqual([['2', null, null]]);
  });

  it('says which rule is broken, and shows neither body nor secret', async () => {
    const webhook = { url: 'ftp://x', body: `card 4111 ${odd}`, secret };
    for (const refused of [
      (tx: Transaction) => enqueue(tx, webhook),
      (tx: Transaction) => enqueueMany(tx, [{ url, body: '1' }, webhook]),
    ]) {
      const error: unknown = await library
        .transaction<unknown>(refused)
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(RefusedError);
      expect(error).toMatchObject({
        name: 'RefusedError',
        code: '23514',
        constraint: 'outbox_url_is_http',
        message: expect.stringContaining('outbox_url_is_http'),
      });
      expect(whole(error)).not.toMatch(/4111|whsec_|dGhpcyB|json_to_recordset/);
    }
  });

  it('says that a value is malformed', async () => {
    for (const [part, code] of [
      [{ endpointId: 'none' }, '22P02'],
      [{ url, maxAttempts: 1e12 }, '22003'],
    ] as const) {
      const webhook = { ...part, body: `card 4111 ${odd}`, secret };
      const refused = library.transaction((tx) => enqueue(tx, webhook));
      const error: unknown = await refused.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(RefusedError);
      expect(error).toMatchObject({ code, constraint: undefined });
      expect(whole(error)).not.toMatch(/4111|whsec_|dGhpcyB|json_to_recordset/);
    }
  });

  it("passes on the library's own errors, without the body and the secret", async () => {
    const outcome = library.transaction(async (tx) => {
      await enqueue(tx, { url: 'ftp://x', body: '1' }).catch(() => {});
      // Postgres takes no statement in a transaction that has failed.
      await enqueue(tx, { url, body: `card 4111 ${odd}`, secret });
    });
    const error: unknown = await outcome.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(RefusedError);
    // postgres.js throws the first error of a transaction, whoever has caught it.
    expect(whole(error)).toMatch(name.includes('postgres.js') ? /25P02|23514/ : /25P02/);
    expect(whole(error)).not.toMatch(/4111|whsec_|dGhpcyB/);
  });
});

/** An error as a log would show it, with everything that hangs on it. */
function whole(error: unknown): string {
  return inspect(error, { depth: null, showHidden: true, maxStringLength: null });
}

describe('libraries that are no dependency of the tests', () => {
  // Their objects, as far as they are called, on a client of pg. examples/ has the libraries themselves.
  let client: pg.Client;

  beforeAll(async () => {
    client = new pg.Client({ connectionString: roles.urls.producer });
    await client.connect();
  });

  afterAll(() => client.end());

  const rowsFor = async (text: string, values: readonly unknown[]): Promise<unknown[]> =>
    (await client.query(text, [...values])).rows;

  const sequelize = {
    getQueryInterface: () => ({}),
    query: (text: string, options: { bind: string[]; type: string; transaction?: unknown }) => {
      expect(options).toMatchObject({ type: 'SELECT', useMaster: true });
      return rowsFor(text, options.bind);
    },
  };
  const knexOnly = Object.assign(() => {}, {
    raw: async (text: string, bindings: string[]) => ({
      rows: await rowsFor(
        text.replaceAll('?', () => '$1'),
        bindings,
      ),
    }),
  });
  const kyselyOnly = {
    getExecutor: () => ({}),
    executeQuery: async (query: { sql: string; parameters: string[] }) => ({
      rows: await rowsFor(query.sql, query.parameters),
    }),
  };

  it.each<readonly [string, () => Transaction]>([
    ['TypeORM', () => ({ query: rowsFor })],
    ['Prisma', () => ({ $queryRawUnsafe: (text: string, ...all: string[]) => rowsFor(text, all) })],
    [
      'a Transaction of Sequelize',
      () => ({ sequelize, commit: async () => {}, afterCommit: () => {} }),
    ],
    ['Sequelize and its transaction', () => ({ sequelize, transaction: {} })],
    ['Sequelize itself', () => sequelize],
    ['MikroORM 7', () => ({ getTransactionContext: () => kyselyOnly, getConnection: () => ({}) })],
    ['MikroORM 6', () => ({ getTransactionContext: () => knexOnly, getConnection: () => ({}) })],
    [
      'MikroORM outside of a transaction',
      () => ({
        getTransactionContext: () => undefined,
        getConnection: () => ({ getClient: () => kyselyOnly }),
      }),
    ],
  ])('%s', async (_name, tx) => {
    const id = await enqueue(tx(), { url, body: odd });
    expect(await stored([id])).toEqual([[odd, null, null]]);
  });

  it('passes the transaction on to Sequelize', async () => {
    const seen: unknown[] = [];
    const spied = {
      ...sequelize,
      query: (text: string, options: { bind: string[]; type: string; transaction?: unknown }) => {
        seen.push(options.transaction);
        return sequelize.query(text, options);
      },
    };
    const transaction = { sequelize: spied, commit: async () => {}, afterCommit: () => {} };
    await enqueue(transaction, { url, body: '1' });
    await enqueue({ sequelize: spied, transaction }, { url, body: '1' });
    await enqueue({ sequelize: spied, transaction: null }, { url, body: '1' });
    expect(seen).toEqual([transaction, transaction, undefined]);
  });

  it("reads the rule in Prisma's error", async () => {
    const cause = {
      originalCode: '23514',
      originalMessage:
        'new row for relation "outbox" violates check constraint "outbox_url_is_http"',
    };
    const error = Object.assign(new Error('Invalid invocation'), {
      code: 'P2010',
      meta: { driverAdapterError: Object.assign(new Error('DriverAdapterError'), { cause }) },
    });
    const refused = enqueue({ $queryRawUnsafe: () => Promise.reject(error) }, { url, body: '1' });
    await expect(refused).rejects.toMatchObject({
      name: 'RefusedError',
      code: '23514',
      constraint: 'outbox_url_is_http',
      message: cause.originalMessage,
    });
  });
});

describe('what is no transaction is refused, and the error says what it is:', () => {
  class Repository {
    readonly password = 'hush';
    find() {}
    save() {}
  }

  it.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a URL', 'postgres://app:hush@localhost/app', 'a value of type string'],
    ['a Promise', Promise.resolve({}), 'a Promise or a query: await it first'],
    ['an empty object', {}, 'an object without methods'],
    [
      'an object of a class',
      new Repository(),
      'an instance of Repository with the methods find, save',
    ],
    ['a function', () => {}, 'a function without methods'],
    [
      'an object with a wrapped transaction',
      { tx: {}, run() {} },
      'an object with the methods run',
    ],
  ])('%s', async (_what, tx, kind) => {
    const refused = enqueue(tx as unknown as Transaction, { url, body: '1' });
    await expect(refused).rejects.toThrow(TypeError);
    await expect(refused).rejects.toThrow(`enqueue() needs a transaction, but got ${kind}`);
    await expect(refused).rejects.toThrow('It takes a Client, PoolClient or Pool of pg; an sql of');
    await expect(refused.catch((error: unknown) => `${error}`)).resolves.not.toContain('hush');
  });

  it('also for an empty list', async () => {
    expect(await enqueueMany(database.pool, [])).toEqual([]);
    const refused = publishMany(undefined as unknown as Transaction, []);
    await expect(refused).rejects.toThrow('publishMany() needs a transaction, but got undefined');
  });
});
