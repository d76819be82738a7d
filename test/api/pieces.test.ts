import { describe, expect, it } from 'vitest';
import { readCursor, writeCursor } from '../../src/api/cursor.ts';
import { listParameters, readListRequest } from '../../src/api/list-request.ts';
import { readParameters, searchText, uuid } from '../../src/api/parameters.ts';
import { problemOfError } from '../../src/input/database-problem.ts';
import { invalid, pointerTo, problemJson, shown } from '../../src/input/problem.ts';

// Pure pieces of the API, with what they answer written out.

const id = '01a20a98-d609-7fd8-8299-4c98c49bb8a5';
const key = Buffer.from('a key');

describe('a cursor', () => {
  const cursor = writeCursor(id, { filter: 'webhooks', key });

  it('is the id again for the same filter and key, and nothing otherwise', () => {
    expect(cursor).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(readCursor(cursor, { filter: 'webhooks', key })).toBe(id);
    expect(readCursor(cursor, { filter: 'endpoints', key })).toBeUndefined();
    expect(readCursor(cursor, { filter: 'webhooks', key: Buffer.from('another') })).toBeUndefined();
  });

  it('is recognised wherever it was changed, and when it is cut or longer', () => {
    for (let at = 0; at < 42; at += 1) {
      const other = cursor[at] === 'A' ? 'B' : 'A';
      const changed = cursor.slice(0, at) + other + cursor.slice(at + 1);
      expect([at, readCursor(changed, { filter: 'webhooks', key })]).toEqual([at, undefined]);
    }
    for (const wrong of [cursor.slice(1), `${cursor}A`, ` ${cursor.slice(1)}`, '']) {
      expect(readCursor(wrong, { filter: 'webhooks', key })).toBeUndefined();
    }
  });
});

describe('a list', () => {
  const set = { ...listParameters(['on', 'off']), q: searchText('x'), endpoint_id: uuid('x') };
  const list = (query: string, what = 'things') =>
    readListRequest(new URLSearchParams(query), { what, set, key });
  const codes = (query: string, what?: string) => {
    const found = list(query, what);
    return found.ok
      ? []
      : found.problem.errors?.map(({ code, parameter }) => `${code} ${parameter}`);
  };
  const next = (query: string) => {
    const found = list(query);
    return found.ok ? (found.cursorTo(id) ?? '') : '';
  };

  it('has 50 on a page if not said otherwise, and 200 at most', () => {
    expect(list('')).toMatchObject({ ok: true, limit: 50, before: undefined });
    expect(list('limit=1')).toMatchObject({ ok: true, limit: 1 });
    expect(list('limit=200')).toMatchObject({ ok: true, limit: 200 });
    for (const limit of ['0', '201', '01', '1.0', '-1', '']) {
      expect(codes(`limit=${limit}`)).toEqual(['invalid_limit limit']);
    }
  });

  it('goes on from a cursor with the same filter, however large the page', () => {
    const cursor = next('status=on&q=a&limit=7');
    for (const query of ['status=on&q=a', 'q=a&status=on&limit=9']) {
      expect(list(`${query}&cursor=${cursor}`)).toMatchObject({ ok: true, before: id });
    }
    for (const query of ['', 'status=on', 'status=off&q=a', 'status=on&q=b', 'q=a']) {
      expect(codes(`${query}&cursor=${cursor}`)).toEqual(['invalid_cursor cursor']);
    }
    expect(codes(`status=on&q=a&cursor=${cursor}`, 'others')).toEqual(['invalid_cursor cursor']);
    // One value must not be able to look like two.
    const two = next(`q=a&endpoint_id=${id}`);
    expect(codes(`q=a endpoint_id=${id}&cursor=${two}`)).toEqual(['invalid_cursor cursor']);
  });

  it('ends with null', () => {
    const found = list('');
    expect(found.ok && found.cursorTo(null)).toBe(null);
  });

  it('looks for text of 1 to 200 characters', () => {
    expect(codes(`q=${'a'.repeat(200)}`)).toEqual([]);
    for (const q of ['', 'a'.repeat(201), '%00']) expect(codes(`q=${q}`)).toEqual(['invalid_q q']);
  });

  it('takes an id in its canonical form alone', () => {
    expect(codes(`endpoint_id=${id}`)).toEqual([]);
    for (const wrong of [id.toUpperCase(), id.replaceAll('-', ''), `${id}0`, `x${id}`]) {
      expect(codes(`endpoint_id=${wrong}`)).toEqual(['invalid_endpoint_id endpoint_id']);
    }
  });

  it('tells of parameters that are unknown or there twice, with 100 characters of their name', () => {
    expect(codes('status=on&status=on')).toEqual(['repeated_parameter status']);
    expect(codes(`${'n'.repeat(101)}=1`)).toEqual([`unknown_parameter ${'n'.repeat(100)}`]);
    expect(codes('toString=1')).toEqual(['unknown_parameter toString']);
    const many = Array.from({ length: 30 }, (_, at) => `p${at}=1`).join('&');
    expect(codes(many)).toHaveLength(20);
  });

  it('says where nothing is taken', () => {
    const { errors } = readParameters(new URLSearchParams('a=1'), { set: {}, doing: '' });
    expect(errors).toEqual([
      {
        parameter: 'a',
        code: 'unknown_parameter',
        detail: 'Cannot answer as the query parameters must be none: a is there',
      },
    ]);
  });
});

describe('a problem', () => {
  const part = (at: number) => ({ pointer: `/${at}`, code: `code_${at}`, detail: `Detail ${at}` });

  it('of many parts has the code of the first, counts the others and tells 20', () => {
    const problem = invalid(
      'invalid_webhook',
      Array.from({ length: 21 }, (_, at) => part(at)),
    );
    expect(problem).toMatchObject({ code: 'code_0', detail: 'Detail 0 (and 20 more)' });
    expect(problem.errors).toHaveLength(20);
    expect(invalid('invalid_webhook', [part(0)]).detail).toBe('Detail 0');
    expect(invalid('invalid_webhook', [part(0), part(1)]).detail).toBe('Detail 0 (and 1 more)');
  });

  it('is written as RFC 9457 has it', () => {
    expect(JSON.parse(problemJson({ kind: 'too_busy', detail: 'x' }, 'the-id'))).toEqual({
      type: 'urn:posthorn:problem:too_busy',
      title: 'Too much is being read at once',
      status: 503,
      detail: 'x',
      code: 'too_busy',
      instance: '/requests/the-id',
    });
  });

  it('shows 100 characters of a value, in one line of ASCII', () => {
    expect(shown('a'.repeat(100))).toBe('a'.repeat(100));
    expect(shown('a'.repeat(101))).toBe(`${'a'.repeat(100)}…`);
    expect(shown('a\r\nb\u001b[31m\u007fä~ ')).toBe('a??b?[31m??~ ');
    expect(shown({ a: 1 })).toBe('{"a":1}');
    expect(shown(undefined)).toBe('undefined');
  });

  it('points as RFC 6901 has it, with 128 characters of a name', () => {
    expect(pointerTo('a/b~c/~')).toBe('/a~1b~0c~1~0');
    expect(pointerTo('n'.repeat(129))).toBe(`/${'n'.repeat(128)}`);
  });
});

describe('an error of the database', () => {
  const error = (fields: object) => Object.assign(new Error('x'), fields);
  const kindOf = (given: unknown) => {
    const { kind, code } = problemOfError(given);
    return code === undefined ? kind : `${kind} ${code}`;
  };
  const check = { code: '23514', table: 'outbox', constraint: 'outbox_url_is_http' };

  it.each([
    [check, 'invalid_webhook outbox_url_is_http'],
    [{ ...check, table: 'outbox_20261130' }, 'invalid_webhook outbox_url_is_http'],
    [{ ...check, table: 'outboxes' }, 'internal_error'],
    [{ ...check, table: 'my_outbox' }, 'internal_error'],
    [{ ...check, table: 'queue' }, 'internal_error'],
    [{ ...check, constraint: undefined }, 'internal_error'],
    [{ ...check, code: '23503' }, 'invalid_webhook outbox_url_is_http'],
    [{ ...check, code: '23502' }, 'internal_error'],
    [{ ...check, code: '23505' }, 'internal_error'],
    [
      { code: '23514', table: 'endpoints', constraint: 'endpoints_url_is_given' },
      'invalid_endpoint endpoints_url_is_given',
    ],
    [{ code: '22P02' }, 'invalid_webhook'],
    [{ code: '22021' }, 'invalid_webhook'],
    [{ code: '42P01' }, 'internal_error'],
    [{ code: '57014' }, 'timeout'],
    [{ code: '40001' }, 'database_unavailable'],
    [{ code: '40P01' }, 'database_unavailable'],
    [{ code: '57P01' }, 'database_unavailable'],
    [{ code: '53300' }, 'database_unavailable'],
    [{}, 'internal_error'],
  ])('%j is %s', (fields, kind) => {
    expect(kindOf(error(fields))).toBe(kind);
    expect(
      kindOf(new Error('wrapped', { cause: new Error('twice', { cause: error(fields) }) })),
    ).toBe(kind);
  });

  it('is our mistake when it is none at all', () => {
    expect(kindOf('text')).toBe('internal_error');
    expect(kindOf(undefined)).toBe('internal_error');
    expect(problemOfError(error({})).detail).toBe(
      'Cannot answer as something unexpected happened; the log says what',
    );
  });

  it('asks to come again after 5 s where that helps', () => {
    expect(problemOfError(error({ code: '57P01' })).headers).toEqual({ 'Retry-After': '5' });
  });
});
