import { describe, expect, it } from 'vitest';
import { parseStatement, queryOf, sqlFile } from '../../src/db/sql-file.ts';

describe('a statement', () => {
  it('has its parameters numbered in the order in which they first appear', () => {
    expect(parseStatement(`select :'b'::text, :'worker_number'::int, :'b'`)).toEqual({
      text: 'select $1::text, $2::int, $1',
      parameters: ['b', 'workerNumber'],
    });
  });

  it.each([
    ['a string', `select ':x', 'it''s :''x'' ', E'\\':'`],
    ['a string after another one', `select 'rules:' || lane, ':' || 'x'`],
    ['a quoted name', `select 1 as ":'x'"`],
    ['a comment', `select 1 -- by :'x' and $1, it's\n, 2`],
    ['a comment of several lines', `select 1 /* :'x'\n $2 it's */`],
    ['a dollar quote', `select $$ :'x' $1 $$, $tag$ $$ :'x' $tag$`],
    ['a cast', `select '1'::int, now()::text, 'x'::"char", x::'y'`],
    ['a slice of an array', `select a[1:2], a[lo:hi], a[:2], a[1 :'2']`],
    ['a name with a dollar', 'select a$1 from t'],
    ['a plain variable of psql', `select :x, :"x"`],
  ])('does not take %s for a parameter', (_, text) => {
    expect(parseStatement(text)).toEqual({ text, parameters: [] });
  });

  it('finds parameters after what only looks like some', () => {
    const text = `select 'it''s', E'\\'', $$ ' $$, type'x' -- it's\n, /* ' */ "'", a[:'n'::int:2]`;
    expect(parseStatement(text)).toEqual({ text: text.replace(`:'n'`, '$1'), parameters: ['n'] });
  });

  it('must name its parameters', () => {
    expect(() => parseStatement('select $1')).toThrow('A parameter needs a name: $1 has none');
  });
});

describe('the values of a statement', () => {
  const sql = { name: 'it', ...parseStatement(`select :'a_b', :'c'`) };

  it('are put in the order of its parameters, whatever theirs is', () => {
    expect(queryOf(sql, { c: null, aB: 1 })).toEqual({
      name: 'it',
      text: 'select $1, $2',
      values: [1, null],
    });
  });

  it('must not miss one', () => {
    expect(() => queryOf(sql, { c: 1 })).toThrow('it needs a value for "aB"');
    expect(() => queryOf(sql, { c: 1, aB: undefined })).toThrow('it needs a value for "aB"');
  });

  it('must have no name that the statement does not have', () => {
    expect(() => queryOf(sql, { c: 1, aB: 2, a_b: 2 })).toThrow('it has no parameter "a_b"');
  });
});

it('a statement is prepared under the name of its file', () => {
  expect(sqlFile('scan-lanes')).toMatchObject({
    name: 'posthorn_scan-lanes',
    parameters: ['afterLane', 'afterPriority', 'maxHeads', 'workerNumber'],
  });
});
