// Pure: no I/O, no clock, no randomness.

import { schemaFor } from '../domain/json-schema.ts';
import { deliveryHeaders } from './delivery-headers.ts';
import { type Described, infoOf, type Part, summaryOf } from './described.ts';

/** An OpenAPI 3.1 document of event types: a webhook for each. */
export function eventsOpenApiOf(eventTypes: readonly Described[]) {
  const parameters = deliveryHeaders.map(
    ({ name, description, schema, isAlwaysThere }) =>
      [name, { name, in: 'header', required: isAlwaysThere, description, schema }] as const,
  );
  return {
    openapi: '3.1.0',
    info: infoOf(eventTypes),
    webhooks: Object.fromEntries(
      eventTypes.map((type) => [type.name, { post: operationOf(type) }]),
    ),
    components: {
      schemas: Object.fromEntries(eventTypes.map((type) => [type.name, schemaIn(type)])),
      parameters: Object.fromEntries(parameters),
    },
  };
}

function operationOf(type: Described): Part {
  const { name, description, example = null, deprecated } = type;
  const content = {
    schema: { $ref: `#/components/schemas/${name}` },
    ...(example === null ? {} : { example }),
  };
  return {
    operationId: name,
    summary: summaryOf(type),
    ...(description === '' ? {} : { description }),
    ...(deprecated ? { deprecated } : {}),
    parameters: deliveryHeaders.map(({ name: header }) => ({
      $ref: `#/components/parameters/${header}`,
    })),
    requestBody: { required: true, content: { 'application/json': content } },
    responses: {
      '2XX': { description: 'Received. After any other answer it is sent again.' },
    },
  };
}

function schemaIn({ name, schema }: Described): unknown {
  return schemaFor(schema ?? {}, `/components/schemas/${name}`);
}
