import { expect, it } from 'vitest';
import type { z } from 'zod';
import { endpointChange, newEndpoint } from '../../src/input/endpoint-fields.ts';
import { type Request, readFields, readValues } from '../../src/input/read-fields.ts';
import { sendRequest } from '../../src/input/send-request.ts';

// How an answer says that a field is wrong. Which values are wrong is in fields.test.ts.

it('what a field holds is said only of those that hold no secret', () => {
  for (const request of [newEndpoint, endpointChange, sendRequest]) {
    const shown = Object.keys(request.schema.shape).filter((name) => {
      const read = readFields({ [name]: 'hunter2\0' }, request as Request<z.ZodObject>);
      return !read.ok && read.errors.some(({ detail }) => detail.includes('hunter2'));
    });
    expect(shown.toSorted()).toEqual(request.shown.toSorted());
    for (const secret of ['url', 'secret', 'headers', 'body', 'description', 'idempotency_key']) {
      expect(shown).not.toContain(secret);
    }
  }
});

it('faults come in the order of the fields, with missing ones at the end', () => {
  const read = readFields({ priority: 1, 9: 1, url: 'x', zzz: 1 }, sendRequest);
  expect(read.ok ? [] : read.errors.map(({ pointer }) => pointer)).toEqual([
    // JavaScript puts whole numbers first.
    '/9',
    '/priority',
    '/url',
    '/zzz',
    '/body',
  ]);
});

it('a value is said as JSON has it, after its rule', () => {
  const detailOf = (values: object) => {
    const read = readFields({ url: 'https://a.example/', body: 'x', ...values }, sendRequest);
    return read.ok ? [] : read.errors.map(({ detail }) => detail);
  };
  const attempts = 'max_attempts must be a whole number from 1 to 100';
  expect(detailOf({ max_attempts: 0 })).toEqual([`${attempts}: 0 is not`]);
  expect(detailOf({ max_attempts: '7' })).toEqual([`${attempts}: "7" is not`]);
  expect(detailOf({ max_attempts: Number.POSITIVE_INFINITY })).toEqual([
    `${attempts}: Infinity is not`,
  ]);
  // Several checks of a field fail, and one fault is told.
  expect(detailOf({ max_attempts: 0.5 })).toEqual([`${attempts}: 0.5 is not`]);
  expect(detailOf({ body: undefined })).toEqual([
    'body must be well-formed Unicode without NUL, when it is a string',
  ]);
  expect(detailOf({ headers: { 'X-A': 7 } })).toEqual([
    'headers: "X-A" must be a string of printable ASCII',
  ]);
  expect(detailOf({ body: 'x', nope: 1 })).toEqual([
    expect.stringMatching(/^Unknown field "nope": the fields are url, endpoint_id, tenant, body, /),
  ]);
});

it('__proto__ is an unknown field, and hands nothing down', () => {
  const given = readValues('{"__proto__":{"url":"https://a.example/","body":"x"}}');
  const read = readFields(given.ok ? given.values : {}, sendRequest);
  expect(read.ok ? [] : read.errors.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
    'unknown_field /__proto__',
    'missing_body /body',
  ]);
});
