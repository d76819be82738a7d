// Pure: no I/O, no clock, no randomness.

/** A header of a request that delivers an event. */
interface DeliveryHeader {
  readonly name: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly isAlwaysThere: boolean;
}

const uuid = { type: 'string', format: 'uuid' };

/** The headers that a receiver looks at, for the documents that describe events. Their names are in lower case. */
export const deliveryHeaders: readonly DeliveryHeader[] = [
  {
    name: 'webhook-id',
    description: 'The id of the event: the same at every endpoint and on every attempt.',
    schema: uuid,
    isAlwaysThere: true,
  },
  {
    name: 'webhook-timestamp',
    description: 'When this attempt was made, in seconds since 1970.',
    schema: { type: 'string', pattern: '^[0-9]+$' },
    isAlwaysThere: true,
  },
  {
    name: 'webhook-signature',
    description: 'Signatures as in Standard Webhooks, if the endpoint has a secret.',
    schema: { type: 'string' },
    isAlwaysThere: false,
  },
  {
    name: 'x-webhook-id',
    description: 'The id of the webhook: of this event on its way to this endpoint.',
    schema: uuid,
    isAlwaysThere: true,
  },
  {
    name: 'x-webhook-attempt',
    description: 'The number of the attempt, from 1.',
    schema: { type: 'string', pattern: '^[1-9][0-9]*$' },
    isAlwaysThere: true,
  },
  {
    name: 'idempotency-key',
    description: "The key that the producer gave, or else the event's id.",
    schema: { type: 'string' },
    isAlwaysThere: true,
  },
];
