import { describe, expect, it } from 'vitest';
import { changesOf } from '../../mutate/sql-mutants.ts';
import { tokensOf } from '../../mutate/sql-tokens.ts';

/** The statement after each change, of one kind if that is given. */
function mutatedBy(sql: string, kind?: string): string[] {
  return changesOf(sql)
    .filter((change) => kind === undefined || change.kind === kind)
    .map(({ start, end, after }) =>
      (sql.slice(0, start) + after + sql.slice(end))
        .replaceAll(/\s+/g, ' ')
        .replaceAll(' )', ')')
        .trim(),
    );
}

describe('a predicate is dropped', () => {
  it.each<[string, string[]]>([
    [
      'select from t where a and b and c',
      ['b and c', 'a and c', 'a and b'].map((rest) => `select from t where ${rest}`),
    ],
    ['select from t where a or b', ['select from t where b', 'select from t where a']],
    ['select from t where a', ['select from t where true']],
    ['select from t where x between 1 and 2', ['select from t where true']],
    [
      'select from t where x between 1 and 2 and b',
      ['select from t where b', 'select from t where x between 1 and 2'],
    ],
    [
      'select from t where (a or b) and c',
      [
        'select from t where c',
        'select from t where (b) and c',
        'select from t where (a) and c',
        'select from t where (a or b)',
      ],
    ],
    ['select from t join s on t.x = s.x', ['select from t join s on true']],
    ['select from t left join s on true', []],
    ['select case when a then 1 end', ['select case when true then 1 end']],
    ['select case a when 1 then 2 end', []],
    [
      'select from t where case when a then b end and c',
      [
        'select from t where c',
        'select from t where case when true then b end and c',
        'select from t where case when a then b end',
      ],
    ],
    [
      'select from t where left(a, 1) = b and c',
      ['select from t where c', 'select from t where left(a, 1) = b'],
    ],
    [
      'select from t where a is distinct from b and c',
      ['select from t where c', 'select from t where a is distinct from b'],
    ],
    ['create or replace function f() returns int', []],
    ['create trigger t after insert or update on s', []],
    ['insert into t values (1) on conflict (x) do nothing', []],
  ])('of %s', (sql, expected) => {
    expect(mutatedBy(sql, 'drop predicate')).toEqual(expected);
  });
});

describe('a clause is dropped', () => {
  it.each<[string, string, string[]]>([
    [
      'drop limit',
      'select x from t order by x limit $1 for update',
      ['select x from t order by x for update'],
    ],
    [
      'drop limit',
      'select (select x from t limit 1) is null',
      ['select (select x from t) is null'],
    ],
    ['drop lock', 'select x from t for no key update of t skip locked', ['select x from t']],
    ['drop lock', 'select x from t for update', ['select x from t']],
    ['drop lock', 'select x from t for share', ['select x from t']],
    ['drop lock', 'create trigger t after update on s for each row', []],
    ['drop skip locked', 'select x from t for update skip locked', ['select x from t for update']],
    ['drop distinct', 'select distinct x from t', ['select x from t']],
    ['drop distinct', 'select distinct on (x, y) x from t', ['select x from t']],
    ['drop distinct', 'select count(distinct x)', ['select count( x)']],
    ['drop distinct', 'select a is distinct from b', []],
    ['drop not', 'select from t where not a', ['select from t where a']],
    ['drop not', 'select a is not null', []],
  ])('%s: %s', (kind, sql, expected) => {
    expect(mutatedBy(sql, kind)).toEqual(expected);
  });
});

describe('something takes the place of something', () => {
  it.each<[string, string[]]>([
    ['select a < b', ['select a <= b']],
    ['select a >= b', ['select a > b']],
    ['select a <> b', ['select a = b']],
    ['select a is null', ['select a is not null']],
    ['select a is not null', ['select a is null']],
    ['select a is not distinct from b', ['select a is distinct from b']],
    ['select a + b', ['select a - b']],
    ['select -a', []],
    ['select (a) - $1', ['select (a) + $1']],
    ['select a -> b', []],
    ['select f(a => b)', []],
    ['update t set a = b, c = d', []],
    ['update t set (a, b) = (c, d)', []],
    ['update t set a = (b = c)', ['update t set a = (b <> c)']],
    ['select least(a, b)', ['select greatest(a, b)']],
    ['select min(a)', ['select max(a)']],
    ['select t.min', []],
    ['select coalesce(a, f(b, c), d)', ['select coalesce(f(b, c), a, d)']],
    ['select true', ['select false']],
    ['select x from t union all select y from s', ['select x from t union select y from s']],
    ['select x from t union select y from s', ['select x from t union all select y from s']],
    [
      'select x from t order by a, f(b, c) desc limit z',
      [
        'select x from t order by a desc, f(b, c) desc limit z',
        'select x from t order by a, f(b, c) asc limit z',
        'select x from t order by a, f(b, c) desc',
      ],
    ],
    ['select array_agg(a order by b)', ['select array_agg(a order by b desc)']],
    ['select 41', ['select 42']],
    ['select a::numeric(10)', []],
    ['select 0.5', ['select 0.51']],
  ])('in %s', (sql, expected) => {
    expect(mutatedBy(sql)).toEqual(expected);
  });
});

describe('is left alone:', () => {
  it.each([
    ['a string', `select 'a and b < 1 limit 2'`],
    ['a string with a quote in it', `select 'it''s 1 < 2'`],
    ['a string with escapes', `select e'a\\' < 1'`],
    ['a name in quotes', 'select "a < 1"'],
    ['a comment', 'select a -- where b < 1 and c'],
    ['a comment of many lines', 'select /* 1 < 2 /* and 3 */ 4 */ a'],
    ['a parameter', 'select $1::integer'],
    ['a cast', 'select a::posthorn.webhook_status'],
  ])('%s', (_, sql) => {
    expect(changesOf(sql)).toEqual([]);
  });
});

it('what is between dollar quotes is SQL, and changes there', () => {
  const sql = `create function f() returns void language plpgsql as $$ begin if a = 'x' then return; end if; end $$`;
  expect(changesOf(sql).map(({ kind }) => kind)).toEqual(['drop predicate', 'swap =']);
});

it('what cannot be read is an error, and no change is missed in silence', () => {
  expect(() => changesOf(`select 'a`)).toThrow('Cannot read SQL from');
});

it('a named parameter is one token, like a numbered one', () => {
  const read = (sql: string) => tokensOf(sql).map(({ kind, text }) => `${kind} ${text}`);
  expect(read(`:'a_1'::text || $1`)).toEqual([
    ...[`parameter :'a_1'`, 'operator ::', 'word text', 'operator ||', 'parameter $1'],
  ]);
});
