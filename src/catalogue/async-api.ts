// Pure: no I/O, no clock, no randomness.

import { schemaFor } from '../domain/json-schema.ts';
import { deliveryHeaders } from './delivery-headers.ts';
import { type Described, infoOf, type Part, summaryOf } from './described.ts';

/** An AsyncAPI 3 document of event types: a channel, a message and an operation for each. */
export function asyncApiOf(eventTypes: readonly Described[]) {
  return {
    asyncapi: '3.0.0',
    info: infoOf(eventTypes),
    defaultContentType: 'application/json',
    channels: byName(eventTypes, channelOf),
    operations: byName(eventTypes, operationOf),
    components: {
      messages: byName(eventTypes, messageOf),
      messageTraits: { delivery: { headers: headersSchema() } },
    },
  };
}

function byName(eventTypes: readonly Described[], partOf: (type: Described) => Part): Part {
  return Object.fromEntries(eventTypes.map((type) => [type.name, partOf(type)]));
}

function channelOf({ name }: Described): Part {
  return {
    // The URL of the receiver's endpoint, which is not known here.
    address: null,
    messages: { [name]: { $ref: `#/components/messages/${name}` } },
  };
}

function operationOf(type: Described): Part {
  const { name } = type;
  return {
    action: 'send',
    channel: { $ref: `#/channels/${name}` },
    summary: summaryOf(type),
    messages: [{ $ref: `#/channels/${name}/messages/${name}` }],
    bindings: { http: { method: 'POST', bindingVersion: '0.3.0' } },
  };
}

function messageOf(type: Described): Part {
  const { name, description, schema, example = null, deprecated } = type;
  return {
    name,
    title: name,
    summary: summaryOf(type),
    ...(description === '' ? {} : { description }),
    contentType: 'application/json',
    ...(deprecated ? { deprecated } : {}),
    traits: [{ $ref: '#/components/messageTraits/delivery' }],
    payload: {
      schemaFormat: 'application/schema+json;version=2020-12',
      schema: schemaFor(schema ?? {}, `/components/messages/${name}/payload/schema`),
    },
    ...(example === null ? {} : { examples: [{ payload: example }] }),
  };
}

function headersSchema() {
  return {
    type: 'object',
    properties: Object.fromEntries(
      deliveryHeaders.map(({ name, description, schema }) => [name, { ...schema, description }]),
    ),
    required: deliveryHeaders.filter(({ isAlwaysThere }) => isAlwaysThere).map(({ name }) => name),
  };
}
