import asyncApiSchema from '@asyncapi/specs/schemas/3.0.0-without-$id.json' with { type: 'json' };
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { asyncApiOf } from '../../src/catalogue/async-api.ts';
import { eventsOpenApiOf } from '../../src/catalogue/events-openapi.ts';
import { requestHeaders } from '../../src/domain/request-headers.ts';
import { samples } from './schema-samples.ts';

// It compiles the same schema once.
const ajv = new Ajv({ strict: false, validateFormats: false });

const catalogues = [
  ['of no event types', []],
  ['of many', samples],
] as const;

describe('the AsyncAPI document', () => {
  it.each(catalogues)('%s is valid, by the schema of the AsyncAPI Initiative', (_, types) => {
    const check = ajv.compile(asyncApiSchema);
    const document = asyncApiOf(types);
    expect([check(document), check.errors]).toEqual([true, null]);
    // A document that is not as the initiative has it is noticed.
    expect(check({ ...document, channels: { a: { address: 1 } } })).toBe(false);
  });

  it('has a channel, a message and an operation for each event type', () => {
    const names = samples.map(({ name }) => name);
    const document = asyncApiOf(samples);
    const { channels, operations, components } = document;
    expect(Object.keys(channels)).toEqual(names);
    expect(Object.keys(operations)).toEqual(names);
    expect(Object.keys(components.messages)).toEqual(names);
    expect(document).toMatchObject({
      asyncapi: '3.0.0',
      // When an event type was last written.
      info: { version: '2030-01-02T00:00:00.000Z' },
      operations: {
        'order.paid': {
          action: 'send',
          channel: { $ref: '#/channels/order.paid' },
          messages: [{ $ref: '#/channels/order.paid/messages/order.paid' }],
        },
      },
      components: {
        messages: {
          'order.paid': {
            summary: 'An order was paid.',
            examples: [{ payload: samples[0]?.example }],
          },
          'tree.grown': { summary: 'tree.grown', deprecated: true },
        },
      },
    });
  });

  it('allows as a body what the schema of the event type allows', () => {
    const placeOf = (name: string) => `/components/messages/${name}/payload/schema`;
    expectSameVerdicts(asyncApiOf(samples), placeOf);
  });
});

describe('the OpenAPI document', () => {
  it.each(catalogues)('%s is valid, by the schema of the OpenAPI Initiative', async (_, types) => {
    const document = eventsOpenApiOf(types);
    const result = await new Validator().validate(structuredClone(document));
    expect([result.valid, result.errors]).toEqual([true, undefined]);
  });

  it('has a webhook for each event type', () => {
    expect(Object.keys(eventsOpenApiOf(samples).webhooks)).toEqual(samples.map(({ name }) => name));
    expect(eventsOpenApiOf(samples)).toMatchObject({
      webhooks: {
        'order.paid': {
          post: {
            operationId: 'order.paid',
            summary: 'An order was paid.',
            requestBody: {
              content: {
                'application/json': {
                  schema: { $ref: '#/components/schemas/order.paid' },
                  example: samples[0]?.example,
                },
              },
            },
          },
        },
        'tree.grown': { post: { deprecated: true } },
      },
    });
  });

  it('allows as a body what the schema of the event type allows', () => {
    expectSameVerdicts(eventsOpenApiOf(samples), (name) => `/components/schemas/${name}`);
  });
});

it('both documents name the headers that a request has', () => {
  const sent = requestHeaders(
    {
      id: '01900000-0000-7000-8000-000000000001',
      messageId: '01900000-0000-7000-8000-000000000000',
      body: '{}',
      headers: null,
      contentType: 'application/json',
      idempotencyKey: null,
      traceparent: null,
      attempt: 1,
    },
    { timestampS: 1, version: '1', keys: [] },
  );
  const names = sent.flatMap((text, at) => (at % 2 === 0 ? [text.toLowerCase()] : []));
  const { components } = eventsOpenApiOf(samples);
  const always = Object.values(components.parameters)
    .filter(({ required }) => required)
    .map(({ name }) => name);
  expect(always.length).toBeGreaterThan(3);
  expect(names).toEqual(expect.arrayContaining(always));
  const { required } = asyncApiOf(samples).components.messageTraits.delivery.headers;
  expect(required).toEqual(always);
});

const values = [
  ...samples.map(({ example }) => example ?? null),
  ...[1, 'a', [], [1, 2, 'x'], [1, 2, 'x', 4], [1], {}],
  { order: 1 },
  { order: 1, total: { amount: 1, currency: 'USD' } },
  { order: 1, total: { amount: 1, currency: 'EUR', more: 1 } },
  { order: 1, total: { amount: 1, currency: 'EUR' }, lines: [{ sku: 'A', price: 'free' }] },
  { order: 1, total: { amount: 1, currency: 'EUR' }, lines: [{ sku: 'A', price: 1 }] },
  { value: 1, children: [{ value: 1, children: [{}] }] },
  { value: 1, children: [{ value: 1, children: [{ value: [] }] }] },
  { value: 1, parent: [{}] },
];

/** Values fit a schema in a document, as a reader of the document checks them, or do not, as they do by themselves. */
function expectSameVerdicts(document: object, placeOf: (name: string) => string): void {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, 'doc:whole');
  for (const { name, schema } of samples) {
    const pointer = placeOf(name).split('/').map(encodeURIComponent).join('/');
    const inside = ajv.compile({ $ref: `doc:whole#${pointer}` });
    const own = new Ajv2020({ strict: false, validateFormats: false }).compile(schema ?? {});
    expect([name, values.map((value) => inside(value))]).toEqual([
      name,
      values.map((value) => own(value)),
    ]);
  }
}
