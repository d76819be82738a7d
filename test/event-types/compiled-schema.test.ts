import { describe, expect, it } from 'vitest';
import { compileSchema } from '../../src/catalogue/compiled-schema.ts';
import type { JsonSchema } from '../../src/domain/json-schema.ts';

describe('a schema', () => {
  it.each<[string, JsonSchema, RegExp]>([
    [
      'with a keyword that is misspelt',
      { type: 'object', requird: ['a'] },
      /unknown keyword: "requird"/,
    ],
    ['with a type that is none', { type: 'objct' }, /type must be equal to one of/],
    [
      'that refers to another document',
      { $ref: 'https://shop.example/x' },
      /can't resolve reference/,
    ],
    ['that refers to nothing', { $ref: '#/$defs/x' }, /can't resolve reference/],
    ['with a pattern that is none', { pattern: '(' }, /Invalid regular expression/],
    [
      'of another version',
      { $schema: 'http://json-schema.org/draft-07/schema#' },
      /no schema with key/,
    ],
    ['with a list as items', { items: [{}] }, /items must be object,boolean/],
    ['that would be checked later', { $async: true, type: 'string' }, /\$async/],
    [
      'that takes the name of the meta-schema',
      { $id: 'https://json-schema.org/draft/2020-12/schema' },
      /already exists/,
    ],
  ])('%s is refused', async (_, schema, message) => {
    await expect(compileSchema(schema)).rejects.toThrow(message);
  });

  it('may have keywords of others, formats, and what is only for people', async () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'A',
      'x-owner': 'billing',
      properties: { at: { format: 'date-time', 'x-order': 1, examples: [1], deprecated: true } },
    };
    const check = await compileSchema(schema);
    // A format says something to people, and is not checked.
    expect(check({ at: 'not a time' })).toBeUndefined();
  });

  it('is not mixed up with another one of the same $id', async () => {
    const id = { $id: 'https://shop.example/a' };
    const text = await compileSchema({ ...id, type: 'string' });
    const number = await compileSchema({ ...id, type: 'number' });
    expect([text('a'), number(1)]).toEqual([undefined, undefined]);
    expect([text(1)?.rule, number('a')?.rule]).toEqual(['#/type', '#/type']);
  });
});

describe('the fault of a value', () => {
  it.each<[string, JsonSchema, unknown, object]>([
    [
      'in the middle',
      { properties: { 'a/b': { items: { type: 'integer' } } } },
      { 'a/b': [1, 'secret'] },
      { pointer: '/a~1b/1', detail: 'must be integer', rule: '#/properties/a~1b/items/type' },
    ],
    [
      'that lacks a member',
      { required: ['total'] },
      {},
      { pointer: '', detail: "must have required property 'total'", rule: '#/required' },
    ],
    [
      'with a member too many',
      { additionalProperties: false },
      { secret: 1 },
      {
        pointer: '',
        detail: 'must NOT have additional properties',
        rule: '#/additionalProperties',
      },
    ],
    [
      'that only inherits a member',
      { required: ['constructor'] },
      {},
      { pointer: '', detail: "must have required property 'constructor'", rule: '#/required' },
    ],
    [
      'of a schema that nothing fits',
      false,
      1,
      { pointer: '', detail: 'boolean schema is false', rule: '#/false schema' },
    ],
  ])('%s is its place and the rule, and never the value', async (_, schema, value, fault) => {
    const found = (await compileSchema(schema))(value);
    expect(found).toEqual(fault);
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  it('that is nested so deep that it cannot be checked is its depth', async () => {
    const check = await compileSchema({ items: { $ref: '#' } });
    expect(check([[[]]])).toBeUndefined();
    expect(check(JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)))?.detail).toMatch(/deep/);
  });

  it('of a schema that only refers to itself is its depth', async () => {
    expect((await compileSchema({ $ref: '#' }))(1)?.detail).toMatch(/deep/);
  });
});
