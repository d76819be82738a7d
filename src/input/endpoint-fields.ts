import { z } from 'zod';
import { brokenEndpointRule } from './endpoint-rules.ts';
import { described, flag, numberFrom, target, text, utf8Schema, wholeNumber } from './fields.ts';
import { type Field, type FieldResult, type FieldSet, refused } from './read-fields.ts';
import { readEndpointHeaders, readSecret, secretTypeField } from './secret-fields.ts';
import { headersSchema } from './send-fields.ts';

const mostDelays = 99;
const mostDelayS = 30 * 86_400;

/** The settings of an endpoint. */
const endpointFields = {
  url: described('Where webhooks to it go.', target),
  description: {
    ...text,
    schema: utf8Schema({ min: 0, max: 1_024 }).describe('For people: at most 1 KiB in UTF-8.'),
  },
  secret: {
    schema: utf8Schema({ min: 1, max: 512 }).describe(
      'Signs what is sent to it: whsec_ and 24 to 64 bytes in base64, whsk_ and an Ed25519 key, or any other text of 1 to 512 bytes.',
    ),
    read: readSecret,
  },
  headers: {
    schema: headersSchema.describe('Sent with every webhook to it, 8 KiB at most.'),
    read: readEndpointHeaders,
  },
  max_in_flight: described('Requests at the same time, of all workers.', wholeNumber(1, 10_000)),
  rate_limit_per_s: described('Requests a second, of all workers.', numberFrom(0.001, 10_000)),
  timeout_ms: described('Of an attempt.', wholeNumber(100, 60_000)),
  retry_schedule_s: {
    schema: z
      .array(z.int().min(0).max(mostDelayS))
      .max(mostDelays)
      .meta({ description: 'How long to wait before each retry, s.', examples: [[5, 300, 3_600]] }),
    read: readSchedule,
  },
  ordered: described('One after the other, in the order of their ids.', flag),
} as const satisfies Readonly<Record<string, Field>>;

export type EndpointField = keyof typeof endpointFields;

const common = {
  doing: 'save the endpoint',
  fields: endpointFields,
  shown: ['max_in_flight', 'rate_limit_per_s', 'timeout_ms', 'retry_schedule_s', 'ordered'],
  brokenRule: brokenEndpointRule,
} as const;

/** Of POST /endpoints: null is as good as nothing. */
export const newEndpointFields: FieldSet<EndpointField | 'secret_type'> = {
  ...common,
  fields: { ...endpointFields, secret_type: secretTypeField },
  shown: [...common.shown, 'secret_type'],
  required: ['url'],
  ignoresNull: true,
  nullable: [],
};

/** Of PATCH /endpoints/{id}: what is not there stays, null goes back to the default. */
export const changedEndpointFields: FieldSet<EndpointField> = {
  ...common,
  required: [],
  ignoresNull: false,
  nullable: [
    'description',
    'secret',
    'headers',
    'max_in_flight',
    'rate_limit_per_s',
    'timeout_ms',
    'retry_schedule_s',
    'ordered',
  ],
};

/** As the text of a Postgres array. */
function readSchedule(json: string): FieldResult {
  const rule = `a list of at most ${mostDelays} whole numbers from 0 to ${mostDelayS}`;
  if (!json.startsWith('[')) return refused(rule);
  const delays: unknown = JSON.parse(json);
  const isLegal =
    Array.isArray(delays) &&
    delays.length <= mostDelays &&
    delays.every((delay) => Number.isInteger(delay) && delay >= 0 && delay <= mostDelayS);
  return isLegal ? { ok: true, value: `{${delays.join(',')}}` } : refused(rule);
}
