import type { EndpointField } from '../input/endpoint-fields.ts';
import { invalid } from '../input/problem.ts';
import { type FieldSet, type FieldValues, readFields } from '../input/read-fields.ts';
import { type CommandOption, type Given, textOption } from './command.ts';
import { refuseUsage } from './problem-text.ts';

/** The settings of an endpoint, as options. */
export const settingOptions = {
  url: { type: 'string', value: 'URL', help: 'where to send its webhooks' },
  description: { type: 'string', help: 'for people' },
  secret: { type: 'string', help: 'signs webhooks without their own secret' },
  'max-in-flight': { type: 'string', value: 'N', help: 'requests at the same time, 1 to 10000' },
  'rate-limit': { type: 'string', value: 'N', help: 'requests a second, 0.001 to 10000' },
  'timeout-ms': { type: 'string', value: 'N', help: 'per request, 100 to 60000' },
  'retry-schedule': { type: 'string', value: 'N,N', help: 'seconds before each retry' },
  ordered: {
    type: 'string',
    value: 'BOOL',
    among: ['true', 'false'],
    help: 'one at a time, in the order of sending',
  },
} as const satisfies Readonly<Record<string, CommandOption>>;

/** The API field of each option, and how its text becomes JSON. */
const fieldOf: Readonly<
  Record<keyof typeof settingOptions, readonly [EndpointField, (text: string) => string]>
> = {
  url: ['url', JSON.stringify],
  description: ['description', JSON.stringify],
  secret: ['secret', JSON.stringify],
  'max-in-flight': ['max_in_flight', plain],
  'rate-limit': ['rate_limit_per_s', plain],
  'timeout-ms': ['timeout_ms', plain],
  'retry-schedule': [
    'retry_schedule_s',
    // An empty list means no retries.
    (text) =>
      /^(?:\d+(?:,\d+)*)?$/.test(text)
        ? JSON.stringify(text.split(',').filter(Boolean).map(Number))
        : JSON.stringify(text),
  ],
  ordered: ['ordered', plain],
};

/** Turns a number or a boolean into JSON; other texts stay strings, which the reader refuses. */
export function plain(text: string): string {
  if (/^\d+(\.\d+)?$/.test(text)) return JSON.stringify(Number(text));
  return /^(true|false)$/.test(text) ? text : JSON.stringify(text);
}

/** Reads the given settings as fields of the API; ends the command if one of them is invalid. */
export function settingsOf<Field extends string>(
  given: Given,
  fields: FieldSet<Field>,
): FieldValues<Field> {
  const members = new Map<string, string>();
  for (const [option, [field, toJson]] of Object.entries(fieldOf)) {
    const text = textOption(given, option);
    // For a secret too, because a word that everyone can read here would protect nothing.
    if (text !== undefined) members.set(field, text === 'default' ? 'null' : toJson(text));
  }
  const { values, errors } = readFields(members, fields);
  if (errors.length > 0) refuseUsage(invalid('invalid_endpoint', errors));
  return values;
}
