// Pure: no I/O, no clock, no randomness.

import type { Random } from '../harness/random.ts';
import type { Schema } from './document.ts';
import { idOf, type Known } from './known.ts';

interface Context {
  readonly random: Random;
  readonly known: Known;
  /** Of the member or parameter that the value is for. */
  readonly name: string;
  /** The path of the operation: ids without a name of their own are of its kind. */
  readonly path: string;
}

/** A value that the schema allows, as far as it can be made from one: from its examples, or made up. */
export function validValue(schema: Schema, context: Context): unknown {
  const { random } = context;
  const ready = valueByName(schema, context);
  if (ready !== undefined) return ready;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return random.pick(schema.enum);
  const parts = schema.oneOf ?? schema.anyOf;
  if (parts !== undefined && parts.length > 0) {
    const { oneOf: _, anyOf: __, ...base } = schema;
    return validValue(merged([base, random.pick(parts)]), context);
  }
  if (schema.allOf !== undefined) {
    const { allOf, ...base } = schema;
    return validValue(merged([base, ...allOf]), context);
  }
  const examples = examplesOf(schema);
  if (examples.length > 0 && random.next() < 0.5) return random.pick(examples);
  const type = typeOf(schema, random);
  return type === 'any' ? anyValue(context) : valueOfType(type, { ...context, schema });
}

/** What the document cannot know: ids that are there, and what must be kept secret. */
function valueByName(schema: Schema, context: Context): unknown {
  const { random, known, name, path } = context;
  if (name === 'endpoint_id') return idOf('endpoints', context);
  if (name === 'event_id') return idOf('events', context);
  if (name === 'tenant' || (name === 'to' && path.startsWith('/tenants'))) {
    return idOf('tenants', context);
  }
  if (name === 'event_type') return random.pick(['order.paid', 'order.refund.made', 'invoice']);
  if (name === 'filter' && schema.type !== 'object' && schema.properties === undefined) {
    return random.pick([
      '$.n >= 2',
      '$.text starts with "planted"',
      'exists($.none)',
      '$.n >',
      '$.n',
    ]);
  }
  // Of the query, where it is one text.
  if (name === 'ids' && schema.type === 'string') {
    return Array.from({ length: random.whole(1, 3) }, () => idOf('endpoints', context)).join(',');
  }
  if (schema.format === 'uuid') {
    const kind = path.includes('stats/endpoints') ? 'endpoints' : 'webhooks';
    return idOf(name === 'id' ? (path.split('/')[1] ?? kind) : kind, context);
  }
  if (name === 'cursor' && known.cursors.length > 0) return random.pick(known.cursors);
  if (name === 'secret') return `${known.planted} ${random.whole(1, 9)}`;
  if (/^idempotency[-_]key$/i.test(name)) return `key ${random.whole(1, 50)}`;
  if (name === 'headers') return { 'X-Planted': known.planted, 'X-Number': '1' };
  if (name === 'body') return { text: known.planted, n: random.whole(1, 3) };
  return undefined;
}

function anyValue({ random }: Context): unknown {
  return random.pick([null, true, 0, -1.5, '', 'text', [], [1, [2]], {}, { a: { b: [1] } }]);
}

function typeOf(schema: Schema, random: Random): string {
  if (typeof schema.type === 'string') return schema.type;
  if (schema.type !== undefined && schema.type.length > 0) return random.pick(schema.type);
  if (schema.properties !== undefined) return 'object';
  if (schema.items !== undefined) return 'array';
  return 'any';
}

function valueOfType(type: string, context: Context & { readonly schema: Schema }): unknown {
  const { random, schema } = context;
  switch (type) {
    case 'null':
      return null;
    case 'boolean':
      return random.next() < 0.5;
    case 'integer':
      return numberOf(schema, random);
    case 'number':
      return random.next() < 0.5 ? numberOf(schema, random) : numberOf(schema, random) / 2;
    case 'array':
      return arrayOf(context);
    case 'object':
      return objectOf(context);
    default:
      return textOf(schema, random);
  }
}

function numberOf({ minimum = 0, maximum = 1_000_000 }: Schema, random: Random): number {
  const least = Math.ceil(minimum);
  const most = Math.max(least, Math.floor(maximum));
  return random.pick([least, most, random.whole(least, most), Math.min(most, least + 1)]);
}

function textOf({ format, minLength = 0, maxLength = 20 }: Schema, random: Random): string {
  if (format === 'date-time') {
    return new Date(Date.UTC(2026, random.whole(0, 11), random.whole(1, 28))).toISOString();
  }
  if (format === 'uri' || format === 'url') return `https://example.com/${random.whole(1, 9)}`;
  return 'text of this length'
    .repeat(1 + Math.ceil(minLength / 19))
    .slice(0, random.whole(Math.max(minLength, 1), Math.max(minLength, Math.min(maxLength, 40))));
}

function arrayOf(context: Context & { readonly schema: Schema }): unknown[] {
  const { random, schema } = context;
  const { items = {}, minItems = 0, maxItems = 4 } = schema;
  const length = random.whole(minItems, Math.max(minItems, Math.min(maxItems, 4)));
  return Array.from({ length }, () => validValue(items, context));
}

/** What is required, and some of the rest. */
function objectOf(context: Context & { readonly schema: Schema }): object {
  const { random, schema } = context;
  const { properties = {}, required = [] } = schema;
  const share = random.pick([0, 0.3, 0.7, 1]);
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => required.includes(name) || random.next() < share)
      .map(([name, property]) => [name, validValue(property, { ...context, name })]),
  );
}

function examplesOf({ example, examples = [], default: usual }: Schema): readonly unknown[] {
  return [example, usual, ...examples].filter((value) => value !== undefined);
}

function merged(schemas: readonly Schema[]): Schema {
  return {
    ...Object.assign({}, ...schemas),
    properties: Object.assign({}, ...schemas.map(({ properties }) => properties)),
    required: schemas.flatMap(({ required }) => required ?? []),
  };
}
