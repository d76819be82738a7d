import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { eventTypeRules } from '../../src/input/event-type-fields.ts';
import { eventTypeRow } from '../../src/queries/event-types.ts';
import { type Answer, serveTestApi, type TestApi } from '../api/served-api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
});

beforeEach(() => database.pool.query('delete from posthorn.event_types'));

afterAll(async () => {
  await api.close();
  await database.drop();
});

const put = (name: string, body: unknown) =>
  api.ask(`/event-types/${name}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const rowOf = ({ text }: Answer) => eventTypeRow.parse(JSON.parse(text));

const money = {
  type: 'object',
  properties: { total: { type: 'number', minimum: 0 } },
  required: ['total'],
};

describe('an event type', () => {
  it('is written, looked at, replaced and deleted', async () => {
    const made = await put('order.paid', {
      description: 'Paid.',
      schema: money,
      example: { total: 1.5 },
    });
    expect([made.status, made.headers.get('location')]).toEqual([201, '/event-types/order.paid']);
    expect(rowOf(made)).toMatchObject({
      name: 'order.paid',
      description: 'Paid.',
      schema: money,
      example: { total: 1.5 },
      deprecated: false,
      deprecated_at: null,
    });
    expect(rowOf(await api.ask('/event-types/order.paid'))).toEqual(rowOf(made));

    const replaced = await put('order.paid', { deprecated: true });
    expect(replaced.status).toBe(200);
    expect(rowOf(replaced)).toMatchObject({
      description: '',
      schema: null,
      example: null,
      deprecated: true,
    });
    expect(rowOf(replaced).created_at).toBe(rowOf(made).created_at);
    // It is deprecated since the first time that somebody said so.
    const again = await put('order.paid', { deprecated: true, description: 'Old.' });
    expect(rowOf(again).deprecated_at).toBe(rowOf(replaced).deprecated_at);
    expect(rowOf(await put('order.paid', {})).deprecated_at).toBeNull();

    expect((await api.ask('/event-types/order.paid', { method: 'DELETE' })).status).toBe(204);
    for (const method of ['GET', 'DELETE']) {
      const { status, json } = await api.ask('/event-types/order.paid', { method });
      expect([status, json.code, json.detail]).toEqual([
        404,
        'event_type_not_found',
        'No event type with name "order.paid"',
      ]);
    }
  });

  it('keeps an example that is false or 0, and takes null for none', async () => {
    for (const example of [false, 0, '', []]) {
      expect(rowOf(await put('a', { example })).example).toEqual(example);
    }
    expect(rowOf(await put('a', { schema: { type: 'string' }, example: null })).example).toBeNull();
    expect(rowOf(await put('a', { schema: false })).schema).toBe(false);
  });

  it.each<[string, string, unknown, string, string | undefined, RegExp]>([
    [
      'a name with a blank',
      'order%20paid',
      {},
      'event_types_name_is_words',
      undefined,
      /"order paid" is not/,
    ],
    ['a name that ends with a dot', 'order.', {}, 'event_types_name_is_words', undefined, /words/],
    ['too long a name', 'n'.repeat(129), {}, 'event_types_name_is_words', undefined, /128/],
    [
      'too long a description',
      'a',
      { description: 'ü'.repeat(2_049) },
      'event_types_description_is_at_most_4_kib',
      '/description',
      /4096/,
    ],
    [
      'a schema that is a list',
      'a',
      { schema: [] },
      'invalid_schema',
      '/schema',
      /an object, true or false/,
    ],
    [
      'a schema with a typing error',
      'a',
      { schema: { requird: [] } },
      'event_types_schema_is_json_schema',
      '/schema',
      /unknown keyword: "requird"/,
    ],
    [
      'a schema that is too large',
      'a',
      { schema: { title: 'x'.repeat(66_000) } },
      'event_types_schema_is_json_schema',
      '/schema',
      /64 KiB/,
    ],
    [
      'an example that does not fit',
      'a',
      { schema: money, example: { total: -1 } },
      'event_types_example_fits_its_schema',
      '/example/total',
      /must be >= 0 \(rule #\/properties\/total\/minimum\)/,
    ],
    [
      'an example that is too large',
      'a',
      { example: 'x'.repeat(65_536) },
      'event_types_example_is_at_most_64_kib',
      '/example',
      /64 KiB/,
    ],
    [
      'an example with NUL',
      'a',
      { example: [{ x: '\0' }] },
      'invalid_example',
      '/example',
      /without NUL/,
    ],
    [
      'a number that no double holds',
      'a',
      '{"example": [1e400]}',
      'invalid_example',
      '/example',
      /a double can hold/,
    ],
    [
      'a field that is unknown',
      'a',
      { descripton: 'x' },
      'unknown_field',
      '/descripton',
      /Unknown field/,
    ],
    [
      'a wrong flag',
      'a',
      { deprecated: 'yes' },
      'invalid_deprecated',
      '/deprecated',
      /true or false: "yes" is not/,
    ],
  ])('with %s is refused, and nothing is written', async (_, name, body, code, pointer, detail) => {
    const { status, json } = await put(name, body);
    expect([status, json.type, json.code]).toEqual([
      400,
      'urn:posthorn:problem:invalid_event_type',
      code,
    ]);
    expect(json.errors[0]?.pointer).toBe(pointer);
    expect(json.detail).toMatch(detail);
    expect((await database.pool.query('select from posthorn.event_types')).rowCount).toBe(0);
  });
});

it('every rule of the table has words', async () => {
  const { rows } = await database.pool.query<{ name: string }>(
    `select conname as name from pg_constraint where conrelid = 'posthorn.event_types'::regclass and contype = 'c'`,
  );
  expect(rows.map(({ name }) => name).toSorted()).toEqual(Object.keys(eventTypeRules).toSorted());
});

it('lists the catalogue by name, a page at a time', async () => {
  for (const name of ['b', 'a.b', 'B', 'a']) await put(name, {});
  const names: string[][] = [];
  const page = z.object({ event_types: z.array(eventTypeRow), next_after: z.string().nullable() });
  let after: string | null = '';
  while (after !== null) {
    const { text } = await api.ask(`/event-types?limit=3&after=${after}`);
    const read: z.infer<typeof page> = page.parse(JSON.parse(text));
    names.push(read.event_types.map(({ name }) => name));
    after = read.next_after;
  }
  expect(names.map((some) => some.length)).toEqual([3, 1]);
  expect(names.flat().toSorted()).toEqual(['B', 'a', 'a.b', 'b']);
  expect((await api.ask('/event-types?limit=1001')).status).toBe(400);
});

it('makes its documents of what is in the catalogue', async () => {
  await put('order.paid', { description: 'Paid.', schema: money });
  expect(JSON.parse((await api.ask('/asyncapi.json')).text)).toMatchObject({
    asyncapi: '3.0.0',
    components: {
      messages: { 'order.paid': { description: 'Paid.', payload: { schema: money } } },
    },
  });
  expect(JSON.parse((await api.ask('/events/openapi.json')).text)).toMatchObject({
    openapi: '3.1.0',
    components: { schemas: { 'order.paid': money } },
  });
});
