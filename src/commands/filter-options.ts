import { parseDurationMs } from '../domain/duration.ts';
import { timeIn } from '../domain/time-text.ts';
import { isCanonicalUuid } from '../domain/uuid.ts';
import { cancelFilter, replayFilter, shownOfFilter } from '../input/filter-fields.ts';
import { fieldsOf, readFields } from '../input/read-fields.ts';
import type { ListFilter } from '../queries/list-webhooks.ts';
import { replayableStatuses, type WebhookFilter } from '../queries/webhook-filter.ts';
import { type CommandOption, type Given, textOption, textOptions, UsageError } from './command.ts';
import { refuseUsage } from './problem-text.ts';

/** The options that choose webhooks. */
export const filterOptions = {
  endpoint: { type: 'string', value: 'ID', help: 'to this registered endpoint' },
  url: { type: 'string', value: 'URL', help: 'to this URL, whatever its query' },
  event: { type: 'string', value: 'ID', help: 'of this event' },
  'event-type': { type: 'string', value: 'TYPE', help: 'of events of exactly this type' },
  tenant: { type: 'string', value: 'ID', help: 'of this tenant; empty: of the application itself' },
  from: {
    type: 'string',
    value: 'TIME',
    help: 'enqueued at or after this time: 2026-11-25T12:00:00Z, or 2h for two hours ago',
  },
  until: { type: 'string', value: 'TIME', help: 'enqueued before this time' },
  id: {
    type: 'string',
    value: 'ID',
    multiple: true,
    help: 'this webhook; may be given more than once',
  },
} as const satisfies Readonly<Record<string, CommandOption>>;

/** The options that choose the webhooks of a list. */
export const listOptions = {
  endpoint: filterOptions.endpoint,
  event: filterOptions.event,
  'event-type': filterOptions['event-type'],
  tenant: filterOptions.tenant,
} as const satisfies Readonly<Record<string, CommandOption>>;

/** Reads the options that choose the webhooks of a list. */
export function listFilterOf(given: Given): ListFilter {
  return {
    endpointId: uuidOption(given, 'endpoint'),
    eventId: uuidOption(given, 'event'),
    eventType: textOption(given, 'event-type'),
    tenant: textOption(given, 'tenant'),
  };
}

export const statusOption = {
  status: {
    type: 'string',
    value: 'STATUS',
    multiple: true,
    among: replayableStatuses,
    help: 'failed by default; may be given more than once; one of',
  },
} as const satisfies Readonly<Record<string, CommandOption>>;

/** Refuses options that choose webhooks next to an id or --all, which choose them already. */
export function refuseChoice(
  { options }: Given,
  { chosenBy }: { readonly chosenBy: 'the id' | '--all' },
): void {
  const choosing = [
    ...Object.keys(filterOptions),
    ...(chosenBy === '--all' ? [] : ['all', 'dry-run']),
  ];
  const found = choosing.find((name) => options[name] !== undefined);
  if (found === undefined) return;
  throw new UsageError(
    `--${found} cannot be combined with ${chosenBy}: give an id, --all, or options that choose webhooks`,
  );
}

/** Reads the options that choose webhooks as the API reads a filter; ends the command if one of them is wrong. */
export function filterOf(
  given: Given,
  { doing }: { readonly doing: 'replay' | 'cancel' },
): WebhookFilter {
  const bounds = ['endpoint', 'url', 'event', 'event-type', 'tenant', 'from', 'id'] as const;
  if (bounds.every((name) => given.options[name] === undefined)) {
    throw new UsageError(`To ${doing}, give at least one of --${bounds.join(', --')}`);
  }
  const statuses = textOptions(given, 'status');
  const ids = textOptions(given, 'id');
  const filter = {
    endpoint_id: textOption(given, 'endpoint'),
    url: textOption(given, 'url'),
    from: timeOption(given, 'from'),
    until: timeOption(given, 'until'),
    ids: ids.length === 0 ? undefined : ids,
    event_id: textOption(given, 'event'),
    event_type: textOption(given, 'event-type'),
    tenant: textOption(given, 'tenant'),
    status: statuses.length === 0 ? undefined : statuses,
  };
  const schema = fieldsOf({ filter: doing === 'replay' ? replayFilter : cancelFilter });
  const read = readFields({ filter }, { schema, shown: shownOfFilter });
  if (!read.ok) refuseUsage({ detail: '', errors: read.errors });
  return read.fields.filter;
}

/** An option that is a time, or a duration before now. */
export function timeOption(given: Given, name: string): string | undefined {
  const text = textOption(given, name);
  const agoMs = text === undefined ? undefined : parseDurationMs(text);
  if (agoMs !== undefined) return new Date(Date.now() - agoMs).toISOString();
  if (text === undefined || timeIn(text) !== undefined) return text;
  throw new UsageError(
    `--${name} must be a time with a zone, like 2026-11-25T12:00:00Z, or a time ago, like 2h: "${text}" is not`,
  );
}

/** The option --rate: so many a second; null: not given. */
export function rateOption(given: Given): number | null {
  const text = textOption(given, 'rate');
  if (text === undefined) return null;
  const rate = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (rate >= 0.1 && rate <= 10_000) return rate;
  throw new UsageError(`--rate must be a number from 0.1 to 10000: "${text}" is not`);
}

/** An option that is an id. */
export function uuidOption(given: Given, name: string): string | undefined {
  const id = textOption(given, name);
  if (id === undefined || isCanonicalUuid(id)) return id;
  throw new UsageError(
    `--${name} must be the id of an ${name}, a UUID in lower case with dashes: "${id}" is not`,
  );
}

/** An id given as a positional argument. */
export function idArgument(given: Given, what: string): string {
  const [id = ''] = given.arguments;
  if (isCanonicalUuid(id)) return id;
  throw new UsageError(
    `The id of the ${what} must be a UUID in lower case with dashes: "${id}" is not`,
  );
}
