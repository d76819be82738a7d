// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { endpointId, text, utf8Length } from './fields.ts';
import { listOf } from './list-of.ts';
import { fieldsOf, optional, type Request } from './read-fields.ts';
import { brokenSubscriptionRule } from './subscription-rules.ts';

const patternShape = /^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,15}(\.\*)?|\*)$/;

/** Which types of events. */
export const typesOfEvents = text('a type of events like order.paid, or order.*, or *')
  .meta({
    minLength: 1,
    maxLength: 128,
    pattern: patternShape.source,
    examples: ['order.paid', 'order.*'],
  })
  .superRefine((given, context) => {
    if (given.length <= 128 && patternShape.test(given)) return;
    const rule = 'subscriptions_event_type_is_words_or_ends_with_a_star';
    context.addIssue({ code: 'custom', params: { rule } });
  })
  .describe('A type, order.* for all types below order, or * for all types.');

const maxFilterBytes = 1_024;

const choice = {
  event_type: typesOfEvents,
  filter: optional(
    text()
      .meta(utf8Length({ min: 1, max: maxFilterBytes }))
      .superRefine((given, context) => {
        if (Buffer.byteLength(given) <= maxFilterBytes) return;
        context.addIssue({
          code: 'custom',
          params: { rule: 'subscriptions_filter_is_at_most_1_kib' },
        });
      }),
    'A jsonpath predicate on the body, such as $.total >= 1000. Events with another body are not received.',
  ),
};

const newFields = fieldsOf({
  endpoint_id: endpointId.describe('Of the endpoint that receives the events.'),
  ...choice,
});

/** POST /subscriptions. */
export const newSubscription: Request<typeof newFields> = {
  schema: newFields,
  shown: ['endpoint_id', 'event_type'],
  brokenRule: brokenSubscriptionRule,
};

const choiceFields = fieldsOf(choice);

export const maxSubscriptionsOfNewEndpoint = 100;

/** The subscriptions of a new endpoint, for the documentation. */
export const documentedSubscriptions = z
  .array(choiceFields)
  .max(maxSubscriptionsOfNewEndpoint)
  .nullish()
  .describe('Which events it receives. They are made together with the endpoint.');

/** The subscriptions of a new endpoint. */
export const ownSubscriptions = listOf(
  { schema: choiceFields, shown: ['event_type'], brokenRule: brokenSubscriptionRule },
  {
    min: 0,
    max: maxSubscriptionsOfNewEndpoint,
    rule: `a list of at most ${maxSubscriptionsOfNewEndpoint} subscriptions`,
  },
);
