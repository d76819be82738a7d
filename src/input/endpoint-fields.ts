import { z } from 'zod';
import { brokenSecretRule } from '../domain/secret-rules.ts';
import { secretTypes } from '../domain/signature.ts';
import { brokenEndpointRule } from './endpoint-rules.ts';
import {
  flag,
  isName,
  isStorable,
  numberFrom,
  oneOf,
  target,
  text,
  utf8Length,
  wholeNumber,
} from './fields.ts';
import { endpointHeaders } from './headers.ts';
import { fieldsOf, optional, type Request } from './read-fields.ts';
import { ownSubscriptions } from './subscription-fields.ts';

const maxDelays = 99;
const maxDelayS = 30 * 86_400;

/** A secret of an endpoint. Its rules are checked here, because no CHECK can look into one that comes sealed. */
const secret = z
  .string('a string of well-formed Unicode without NUL')
  .meta(utf8Length({ min: 1, max: 512 }))
  .superRefine((given, context) => {
    if (!isStorable(given)) {
      context.addIssue({ code: 'custom', message: 'a string of well-formed Unicode without NUL' });
      return;
    }
    const rule = brokenSecretRule(given);
    if (rule !== undefined) context.addIssue({ code: 'custom', params: { rule } });
  });

const scheduleRule = `a list of at most ${maxDelays} whole numbers from 0 to ${maxDelayS}`;

/** A retry schedule, as the text of a Postgres array. */
const schedule = z
  .array(z.int(scheduleRule).min(0, scheduleRule).max(maxDelayS, scheduleRule), scheduleRule)
  .max(maxDelays, scheduleRule)
  .meta({ examples: [[5, 300, 3_600]] })
  .transform((delays) => `{${delays.join(',')}}`);

const settings = {
  description: optional(
    text().meta(utf8Length({ min: 0, max: 1_024 })),
    'For people: at most 1 KiB in UTF-8.',
  ),
  secret: optional(
    secret,
    'Signs what is sent to it: whsec_ and 24 to 64 bytes in base64, whsk_ and an Ed25519 key, or any other text of 1 to 512 bytes.',
  ),
  headers: optional(endpointHeaders, 'Sent with every webhook to it, 8 KiB at most.'),
  max_in_flight: optional(wholeNumber(1, 10_000), 'Requests at the same time, of all workers.'),
  rate_limit_per_s: optional(numberFrom(0.001, 10_000), 'Requests a second, of all workers.'),
  timeout_ms: optional(wholeNumber(100, 60_000), 'Of an attempt.'),
  retry_schedule_s: optional(schedule, 'How long to wait before each retry, s.'),
  ordered: optional(flag, 'One after the other, in the order of their ids.'),
};

const shown = ['max_in_flight', 'rate_limit_per_s', 'timeout_ms', 'retry_schedule_s', 'ordered'];

/** The tenant of an endpoint. */
const tenantOfEndpoint = text('a string of at most 255 bytes without control characters')
  .meta(utf8Length({ min: 0, max: 255 }))
  .superRefine((given, context) => {
    if (given === '' || isName(given)) return;
    context.addIssue({ code: 'custom', params: { rule: 'endpoints_tenant_is_at_most_255_bytes' } });
  });

const url = target.describe('Where webhooks to it go.');

const newFields = fieldsOf({
  url,
  tenant: optional(
    tenantOfEndpoint,
    'Whose events it can receive, by the id that your application uses. It stays the same.',
  ),
  ...settings,
  secret_type: optional(oneOf(secretTypes), 'Of the secret that is made up if none is given.'),
  subscriptions: optional(ownSubscriptions, 'Which events it receives.'),
});

/** POST /endpoints. */
export const newEndpoint: Request<typeof newFields> = {
  schema: newFields,
  shown: [...shown, 'secret_type', 'tenant'],
  brokenRule: brokenEndpointRule,
};

const changedFields = fieldsOf({ url: url.optional(), ...settings });

/** PATCH /endpoints/{id}: a field that is left out stays, and null sets it to the default. */
export const endpointChange: Request<typeof changedFields> = {
  schema: changedFields,
  shown,
  brokenRule: brokenEndpointRule,
};

const maxOverlapS = 7 * 86_400;
export const usualOverlapS = 86_400;

const rotationFields = fieldsOf({
  secret: optional(secret, 'In place of one that is made up.'),
  secret_type: optional(oneOf(secretTypes), 'As before if not given.'),
  overlap_s: optional(
    wholeNumber(0, maxOverlapS),
    `For how long the former secret signs too, s; ${usualOverlapS} if not given.`,
  ),
});

/** POST /endpoints/{id}/secret/rotate. */
export const secretRotation: Request<typeof rotationFields> = {
  schema: rotationFields,
  shown: ['secret_type', 'overlap_s'],
  brokenRule: brokenEndpointRule,
};
