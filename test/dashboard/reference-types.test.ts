import { expect, it } from 'vitest';

// How the reference describes the schema of a field.

const module = '../../dashboard/reference-document.js';
const { typeOf, rulesOf } = (await import(module)) as {
  typeOf: (document: object, schema: object) => string;
  rulesOf: (schema: object) => string[];
};

it('names the type of a text whose length depends on its characters', () => {
  const bytes = {
    type: ['string', 'null'],
    minLength: 0,
    maxLength: 255,
    anyOf: [{ maxLength: 63 }, { pattern: '^[\\x00-\\x7f]*$' }],
  };
  expect(typeOf({}, bytes)).toBe('string or null');
  expect(rulesOf(bytes)).toEqual(['at most 255 characters']);
});

it('names each type of a choice', () => {
  expect(typeOf({}, { anyOf: [{ type: 'integer' }, { type: 'null' }] })).toBe('integer or null');
});
