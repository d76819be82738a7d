import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { interleave, ordersOf, statement, transaction } from '../support/interleave.ts';

// The tool itself: a race that it does not find would be a race that no test finds.

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query('create table account (id integer primary key, amount integer)');
});
afterAll(() => database.drop());

const reset = async () => {
  await database.pool.query('truncate account; insert into account values (1, 0), (2, 0)');
};
beforeEach(reset);

const amount = async (id: number): Promise<number> => {
  const { rows } = await database.pool.query('select amount from account where id = $1', [id]);
  return rows[0].amount;
};

/** Adds 1 by reading first and writing what was read, plus 1. */
const readThenWrite = (name: string) => {
  let seen = 0;
  return [
    {
      name: `${name} reads`,
      run: async (client: import('pg').Client) => {
        const { rows } = await client.query('select amount from account where id = 1');
        seen = rows[0].amount;
      },
    },
    {
      name: `${name} writes`,
      run: (client: import('pg').Client) =>
        client.query('update account set amount = $1 where id = 1', [seen + 1]),
    },
  ];
};

describe('interleave', () => {
  it('knows every order of the steps', () => {
    expect(ordersOf([['a', 'b'], ['c']])).toEqual([
      ['a', 'b', 'c'],
      ['a', 'c', 'b'],
      ['c', 'a', 'b'],
    ]);
    expect(ordersOf([[1, 1], [2, 2], [3]])).toHaveLength(30);
  });

  it('finds an update that is lost, and says in which order', async () => {
    const lost: string[] = [];
    const orders = await interleave({
      database,
      reset,
      sessions: { a: readThenWrite('a'), b: readThenWrite('b') },
      check: async ({ order }) => {
        if ((await amount(1)) !== 2) lost.push(order.join(', '));
      },
    });
    expect(orders).toBe(6);
    expect(lost).toEqual([
      'a reads, b reads, a writes, b writes',
      'a reads, b reads, b writes, a writes',
      'b reads, a reads, a writes, b writes',
      'b reads, a reads, b writes, a writes',
    ]);
  });

  it('leaves a step that waits for a lock waiting while the others go on', async () => {
    const add = (name: string) =>
      statement(name, 'update account set amount = amount + 1 where id = 1');
    await interleave({
      database,
      reset,
      sessions: { a: transaction('a', [add('a adds')]), b: transaction('b', [add('b adds')]) },
      check: async () => expect(await amount(1)).toBe(2),
    });
  });

  it('tells of a deadlock, which may be allowed', async () => {
    const add = (name: string, id: number) =>
      statement(name, `update account set amount = amount + 1 where id = ${id}`);
    const sessions = {
      a: transaction('a', [add('a adds to 1', 1), add('a adds to 2', 2)]),
      b: transaction('b', [add('b adds to 2', 2), add('b adds to 1', 1)]),
    };
    const run = (mayFail: readonly string[]) => {
      let deadlocks = 0;
      return interleave({
        database,
        reset,
        sessions,
        mayFail,
        check: ({ errors }) => {
          deadlocks += Object.keys(errors).length;
        },
      }).then(() => deadlocks);
    };
    await expect(run([])).rejects.toThrow(/adds to \d failed in the order a: begin/);
    expect(await run(['a adds to 2', 'b adds to 1'])).toBeGreaterThan(0);
  });

  it('passes on what a check throws, with the order', async () => {
    const run = interleave({
      database,
      reset,
      sessions: { a: readThenWrite('a'), b: readThenWrite('b') },
      check: async () => expect(await amount(1)).toBe(2),
    });
    await expect(run).rejects.toThrow('in the order a reads, b reads, a writes, b writes');
  });
});
