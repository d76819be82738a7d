import { beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { ask, besideTransaction, clear, plant, plantQueue } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// What the functions that make and drop days wait for, and which rows they take along.

const database = forFile(createTestDatabase);

beforeEach(async () => {
  await clear(database);
  await database.pool.query(
    `select posthorn.drop_partitions(day) from posthorn.partition_days() as day where day < now() - interval '5 days';
     update posthorn.history set whole_from = 'epoch'`,
  );
});

const lockClass = 1_886_352_244;
const locking = (id: number, how: '' | '_shared' = '') => ({
  statement: `select pg_advisory_xact_lock${how}($1, $2)`,
  values: [lockClass, id],
});
const makers = 0;
const putters = -4;
const anId = '0199c0de-0000-7000-8000-000000000001';

describe('while somebody has the lock', () => {
  it.each([
    { of: makers, call: `make_partitions('2031-05-05')` },
    { of: makers, call: `drop_partitions('2031-05-05')` },
    { of: putters, call: `drop_partitions('2031-05-05')` },
    { of: putters, call: `enqueue_missed('{${anId}}')` },
    { of: putters, call: `put_back('{${anId}}', '{failed}')` },
    { of: putters, call: `take_back('${anId}', '${anId}', 5)` },
  ])('$of, $call waits', async ({ of, call }) => {
    const { waited } = await besideTransaction(database, locking(of), () =>
      database.pool.query(`select posthorn.${call}`),
    );
    expect(waited).toBe(true);
  });

  it.each([`put_back('{${anId}}', '{failed}')`, `take_back('${anId}', '${anId}', 5)`])(
    'as others have it who put something back, %s does not wait',
    async (call) => {
      const { waited } = await besideTransaction(database, locking(putters, '_shared'), () =>
        database.pool.query(`select posthorn.${call}`),
      );
      expect(waited).toBe(false);
    },
  );

  it('outcomes that are in no day are not moved while something is put back', async () => {
    await strand(5, ['outcomes']);
    const { waited } = await besideTransaction(database, locking(putters, '_shared'), () =>
      database.pool.query('select posthorn.make_partitions($1::date)', [dateOf(-5)]),
    );
    expect(waited).toBe(true);
  });
});

describe('making a day', () => {
  it('moves the rows of that day and no other, whatever their state', async () => {
    const ids = await edges(5);
    for (const id of Object.values(ids)) {
      await plant(database, 'outbox_default', [{ id, url: 'http://a.example/', body: '' }]);
      await plant(database, 'attempts_default', [{ webhook_id: id, number: 1, worker: 1 }]);
      await plant(database, 'outcomes_default', [
        { webhook_id: id, outbox_id: id, lane: 1, status: 'failed', attempts: 1 },
      ]);
    }
    expect(
      await ask(database, 'select posthorn.make_partitions($1::date) as made', [dateOf(-5)]),
    ).toEqual([{ made: 3 }]);
    for (const [table, key] of tables) {
      const inDay = await ask(
        database,
        `select ${key} as id from posthorn.${table}_${suffix(-5)} order by 1`,
      );
      expect(inDay).toEqual([{ id: ids.first }, { id: ids.last }]);
      const left = await ask(
        database,
        `select ${key} as id from posthorn.${table}_default order by 1`,
      );
      expect(left).toEqual([{ id: ids.before }, { id: ids.after }]);
    }
    expect(
      await ask(database, 'select posthorn.make_partitions($1::date) as made', [dateOf(-5)]),
    ).toEqual([{ made: 0 }]);
  });

  it('makes the one table of it that is missing', async () => {
    await database.pool.query('select posthorn.make_partitions($1::date)', [dateOf(-6)]);
    await database.pool.query(`drop table posthorn.outcomes_${suffix(-6)}`);
    expect(
      await ask(database, 'select posthorn.make_partitions($1::date) as made', [dateOf(-6)]),
    ).toEqual([{ made: 1 }]);
  });
});

it.each(['outbox', 'attempts', 'outcomes'])(
  'a day is missed by what is of it in the default partition of %s, unless it has been dropped',
  async (table) => {
    await strand(5, [table]);
    await strand(8, [table]);
    const missing = async () =>
      (
        await ask<{ day: string }>(
          database,
          'select day::text from posthorn.days_without_partition() as day',
        )
      ).map(({ day }) => day);
    expect(await missing()).toEqual([dateOf(-8), dateOf(-5)]);
    await database.pool.query('update posthorn.history set whole_from = $1::date', [dateOf(-5)]);
    expect(await missing()).toEqual([dateOf(-5)]);
    await database.pool.query('update posthorn.history set whole_from = $1::date', [dateOf(-4)]);
    expect(await missing()).toEqual([]);
  },
);

describe('dropping a day', () => {
  const drop = async (ago: number) =>
    (
      await ask(database, 'select posthorn.drop_partitions($1::date) as dropped', [dateOf(-ago)])
    )[0]?.['dropped'];

  it('keeps its unfinished webhooks with their attempts, and none of what has ended', async () => {
    await database.pool.query('select posthorn.make_partitions($1::date)', [dateOf(-9)]);
    const { first, last } = await edges(9);
    const ended = `${first.slice(0, -1)}2`;
    for (const id of [first, ended, last]) {
      await plant(database, `outbox_${suffix(-9)}`, [{ id, url: 'http://a.example/', body: '' }]);
      await plant(database, 'attempts', [{ webhook_id: id, number: 1, worker: 1 }]);
    }
    await plant(database, 'outcomes', [
      { webhook_id: ended, outbox_id: ended, lane: 1, status: 'failed', attempts: 1 },
    ]);
    await plantQueue(
      database,
      [first, last].map((id) => ({ webhook_id: id, outbox_id: id })),
    );
    expect(await drop(9)).toBe(true);
    expect(await ask(database, 'select id from posthorn.outbox_default order by 1')).toEqual([
      { id: first },
      { id: last },
    ]);
    expect(
      await ask(database, 'select webhook_id as id from posthorn.attempts_default order by 1'),
    ).toEqual([{ id: first }, { id: last }]);
    expect(await ask(database, 'select from posthorn.outcomes')).toEqual([]);
    expect(
      await ask(database, `select to_regclass('posthorn.outbox_${suffix(-9)}') as left`),
    ).toEqual([{ left: null }]);
  });

  it('leaves one of whose rows a webhook of another day is made', async () => {
    await database.pool.query('select posthorn.make_partitions($1::date)', [dateOf(-9)]);
    const { before, first, last, after } = await edges(9);
    for (const webhook_id of [before, after]) {
      await plantQueue(database, [{ webhook_id, outbox_id: first }]);
      expect(await drop(9)).toBe(false);
      await database.pool.query('update posthorn.queue set outbox_id = $1', [last]);
      expect(await drop(9)).toBe(false);
      await database.pool.query('delete from posthorn.queue');
    }
    await plantQueue(database, [
      { webhook_id: before, outbox_id: before },
      { webhook_id: after, outbox_id: after },
    ]);
    expect(await drop(9)).toBe(true);
  });

  it('leaves one with more than 64 MB of bodies and answers of what is unfinished', async () => {
    await database.pool.query('select posthorn.make_partitions($1::date)', [dateOf(-9)]);
    const { first, last } = await edges(9);
    await database.pool.query(
      `alter table posthorn.outbox_${suffix(-9)} alter body set storage external;
       alter table posthorn.attempts_${suffix(-9)} alter response_body set storage external`,
    );
    await plant(database, `outbox_${suffix(-9)}`, [
      { id: first, url: 'http://a.example/', body: 'x'.repeat(1_048_576) },
    ]);
    await database.pool.query(
      `insert into posthorn.attempts (webhook_id, number, worker, response_body)
       select id, 1, 1, repeat('x', bytes) from (values ($1::uuid, 63 * 1048576 + 1000), ($2::uuid, 9 * 1048576)) as a (id, bytes)`,
      [first, last],
    );
    await plantQueue(database, [{ webhook_id: first, outbox_id: first }]);
    expect(await drop(9)).toBe(false);
    // Not moved, as that takes seconds.
    await database.pool.query('update posthorn.attempts set response_body = null');
    expect(await drop(9)).toBe(true);
  });

  it('is noted, so that it is not made again, but not of days of which rows may still come', async () => {
    const wholeFrom = async () =>
      (await ask(database, 'select whole_from::text as day from posthorn.history'))[0]?.['day'];
    expect(await drop(2)).toBe(true);
    expect(await wholeFrom()).toBe(dateOf(-1));
    expect(await drop(5)).toBe(true);
    expect(await wholeFrom()).toBe(dateOf(-1));
    await database.pool.query(`update posthorn.history set whole_from = 'epoch'`);
    expect(await drop(1)).toBe(true);
    expect(await wholeFrom()).toBe('1970-01-01');
    await database.pool.query('select posthorn.make_partitions($1::date)', [dateOf(-1)]);
  });
});

it('an id is of what was dropped if it tells a time before the history, and nothing of it is there', async () => {
  await database.pool.query('update posthorn.history set whole_from = $1::date', [dateOf(-5)]);
  const { before, first } = await edges(5);
  const isDropped = async (id: string) =>
    (await ask(database, 'select posthorn.is_dropped($1) as said', [id]))[0]?.['said'];
  expect(await isDropped(before)).toBe(true);
  expect(await isDropped(`${before.slice(0, 14)}4${before.slice(15)}`)).toBe(false);
  // As old as that, the history has partitions of today at most.
  await database.pool.query('select posthorn.make_partitions($1::date)', [dateOf(-5)]);
  expect(await isDropped(first)).toBe(false);
  await plantQueue(database, [{ webhook_id: before, outbox_id: before }]);
  expect(await isDropped(before)).toBe(false);
  await clear(database);
  await plant(database, 'outcomes', [
    { webhook_id: before, outbox_id: before, lane: 1, status: 'failed', attempts: 1 },
  ]);
  expect(await isDropped(before)).toBe(false);
});

const tables = [
  ['outbox', 'id'],
  ['attempts', 'webhook_id'],
  ['outcomes', 'webhook_id'],
] as const;

/** The first and the last id of a day, and those next to them. */
async function edges(ago: number): Promise<Record<'before' | 'first' | 'last' | 'after', string>> {
  const [row] = await ask<Record<'from' | 'to' | 'before' | 'last', string>>(
    database,
    `select left(posthorn.uuid_floor(day)::text, 13) as from,
       left(posthorn.uuid_floor(day + interval '24 hours')::text, 13) as to,
       left(posthorn.uuid_floor(day - interval '1 ms')::text, 13) as before,
       left(posthorn.uuid_floor(day + interval '24 hours' - interval '1 ms')::text, 13) as last
     from (select $1::date::timestamp at time zone 'UTC' as day) as of_day`,
    [dateOf(-ago)],
  );
  const id = (time = '') => `${time}-7000-8000-000000000001`;
  return { before: id(row?.before), first: id(row?.from), last: id(row?.last), after: id(row?.to) };
}

/** Puts a row of that day into the default partitions of these tables. */
async function strand(ago: number, of: readonly string[]): Promise<void> {
  const { last: id } = await edges(ago);
  const rows: Record<string, object> = {
    outbox: { id, url: 'http://a.example/', body: '' },
    attempts: { webhook_id: id, number: 1, worker: 1 },
    outcomes: { webhook_id: id, outbox_id: id, lane: 1, status: 'failed', attempts: 1 },
  };
  for (const table of of) await plant(database, `${table}_default`, [{ ...rows[table] }]);
}

/** The date that many days from today, UTC. */
function dateOf(ahead: number): string {
  return new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
}

function suffix(ahead: number): string {
  return dateOf(ahead).replaceAll('-', '');
}
