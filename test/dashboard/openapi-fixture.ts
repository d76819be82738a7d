/** A document of every shape that the page "API" reads. */
export const fixture = {
  openapi: '3.1.0',
  info: {
    title: 'Posthorn',
    version: '0.1.0',
    description: 'Sends webhooks. Answers are `JSON`.\n\nSecond paragraph <b>is text</b>.',
  },
  tags: [
    { name: 'Webhooks', description: 'Send and follow.' },
    { name: 'Endpoints', description: 'Where they go.' },
  ],
  security: [{ key: ['read'] }],
  paths: {
    '/endpoints/{id}': {
      parameters: [
        {
          name: 'id',
          in: 'path',
          required: true,
          schema: { type: 'string', format: 'uuid' },
          example: '01a20da8-4a3c-7000-8d2f-2f0a5a4c7a11',
        },
      ],
      get: {
        operationId: 'getEndpoint',
        tags: ['Endpoints'],
        summary: 'Show an endpoint',
        responses: {
          '200': {
            description: 'The endpoint',
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Endpoint' } } },
          },
          '404': { $ref: '#/components/responses/endpoint_not_found' },
        },
      },
    },
    '/webhooks/send': {
      post: {
        operationId: 'sendWebhook',
        tags: ['Webhooks'],
        summary: 'Send a webhook',
        description: 'Committed when it answers.',
        security: [{ key: ['send'] }],
        parameters: [
          {
            name: 'Idempotency-Key',
            in: 'header',
            description: 'The same again answers the same.',
            schema: { type: 'string', minLength: 1, maxLength: 255 },
          },
        ],
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: {
                type: 'object',
                required: ['body'],
                properties: {
                  url: {
                    type: ['string', 'null'],
                    format: 'uri',
                    maxLength: 2048,
                    description: 'Where it goes.',
                  },
                  body: { description: 'Any JSON.' },
                  priority: { enum: ['high', 'normal', 'low'], default: 'normal' },
                  headers: {
                    type: 'object',
                    additionalProperties: { type: 'string' },
                    maxProperties: 50,
                  },
                },
              },
              examples: {
                small: {
                  summary: 'Small',
                  value: { url: 'http://127.0.0.1:9000/hook', body: { n: 1 } },
                },
              },
            },
          },
        },
        responses: {
          '202': {
            description: 'Accepted',
            headers: { Location: { schema: { type: 'string' } } },
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  properties: {
                    id: { type: 'string', format: 'uuid' },
                    status: { const: 'pending' },
                  },
                },
              },
            },
          },
          '422': {
            description: 'A field breaks a rule.',
            content: {
              'application/problem+json': {
                schema: { $ref: '#/components/schemas/Problem' },
                example: { code: 'unknown_field' },
              },
            },
          },
        },
      },
    },
    '/healthz': {
      get: {
        operationId: 'live',
        tags: ['Health'],
        summary: 'Whether it lives',
        security: [],
        responses: { '200': { description: 'It does' } },
      },
    },
  },
  components: {
    schemas: {
      Problem: {
        type: 'object',
        properties: {
          code: { type: 'string' },
          errors: {
            type: 'array',
            items: { type: 'object', properties: { field: { type: 'string' } } },
          },
        },
      },
      Endpoint: {
        allOf: [
          { type: 'object', properties: { id: { type: 'string' } } },
          {
            type: 'object',
            properties: {
              breaker: {
                type: 'object',
                properties: { state: { enum: ['closed', 'open'] } },
              },
              parent: { $ref: '#/components/schemas/Endpoint' },
            },
          },
        ],
      },
    },
    responses: {
      endpoint_not_found: {
        description: 'There is none.',
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        },
      },
    },
  },
};
