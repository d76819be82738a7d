import { brokenEndpointRule } from './endpoint-rules.ts';
import { readEndpointHeaders, readSecret, readSecretType } from './endpoint-secrets.ts';
import { type FieldResult, type FieldSet, orElse, refused } from './read-fields.ts';
import { readNumber, readTarget, readText } from './send-fields.ts';

/** How each field of an endpoint is read from its JSON text: as Postgres takes it. */
const endpointFields = {
  url: readTarget,
  description: readText,
  secret: readSecret,
  headers: readEndpointHeaders,
  max_in_flight: (json) => readNumber(json, { min: 1, max: 10_000, isWhole: true }),
  rate_limit_per_s: (json) => readNumber(json, { min: 0.001, max: 10_000, isWhole: false }),
  timeout_ms: (json) => readNumber(json, { min: 100, max: 60_000, isWhole: true }),
  retry_schedule_s: readSchedule,
  ordered: (json) =>
    orElse(json === 'true' || json === 'false' ? json : undefined, 'true or false'),
} as const satisfies Readonly<Record<string, (json: string) => FieldResult>>;

export type EndpointField = keyof typeof endpointFields;

const common = {
  doing: 'save the endpoint',
  readers: endpointFields,
  shown: ['max_in_flight', 'rate_limit_per_s', 'timeout_ms', 'retry_schedule_s', 'ordered'],
  brokenRule: brokenEndpointRule,
} as const;

/** Of POST /endpoints: null is as good as nothing. */
export const newEndpointFields: FieldSet<EndpointField | 'secret_type'> = {
  ...common,
  readers: { ...endpointFields, secret_type: readSecretType },
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

const mostDelays = 99;
const mostDelayS = 30 * 86_400;

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
