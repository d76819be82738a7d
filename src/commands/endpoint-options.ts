import type { z } from 'zod';
import { invalid } from '../input/problem.ts';
import { type Request, readFields } from '../input/read-fields.ts';
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

/** The settings of a new endpoint. */
export const newOptions = {
  tenant: { type: 'string', value: 'ID', help: 'whose events it can receive; it stays the same' },
  ...settingOptions,
} as const satisfies Readonly<Record<string, CommandOption>>;

/** The field that an option sets, and how its text becomes the value. */
const fieldOf: Readonly<
  Record<keyof typeof newOptions, readonly [string, (text: string) => unknown]>
> = {
  tenant: ['tenant', String],
  url: ['url', String],
  description: ['description', String],
  secret: ['secret', String],
  'max-in-flight': ['max_in_flight', plain],
  'rate-limit': ['rate_limit_per_s', plain],
  'timeout-ms': ['timeout_ms', plain],
  'retry-schedule': [
    'retry_schedule_s',
    // An empty list means no retries.
    (text) =>
      /^(?:\d+(?:,\d+)*)?$/.test(text) ? text.split(',').filter(Boolean).map(Number) : text,
  ],
  ordered: ['ordered', plain],
};

/** A number or a boolean. Any other text is left for the schema to refuse. */
export function plain(text: string): unknown {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  return /^(true|false)$/.test(text) ? text === 'true' : text;
}

/** Reads the settings that are given as the API does; ends the command if one of them is wrong. */
export function settingsOf<Schema extends z.ZodObject>(
  given: Given,
  request: Request<Schema>,
): z.output<Schema> {
  const values: Record<string, unknown> = {};
  for (const [option, [field, read]] of Object.entries(fieldOf)) {
    const text = textOption(given, option);
    // "default" stands for the default of a secret too: a word that everybody can read here signs nothing.
    if (text !== undefined) values[field] = text === 'default' ? null : read(text);
  }
  const fields = readFields(values, request);
  if (!fields.ok) refuseUsage(invalid('invalid_endpoint', fields.errors));
  return fields.fields;
}
