// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { readJsonObject } from '../domain/json-text.ts';
import { maxUrlBytes, urlForms } from '../domain/url-forms.ts';
import { replayableStatuses, type WebhookFilter } from '../queries/webhook-filter.ts';
import { isCanonicalUuid } from './canonical-uuid.ts';
import { described, endpointId, endsTooSoon, idSchema, time, url } from './fields.ts';
import { notAnObject, type ProblemPart } from './problem.ts';
import {
  bodySchemaOf,
  type Field,
  type FieldResult,
  type FieldSet,
  type FieldValues,
  readFields,
  refused,
} from './read-fields.ts';

type FilterField = 'status' | 'endpoint_id' | 'url' | 'from' | 'until' | 'ids';

/** Reads the field "filter" from its JSON text: which webhooks, or all that is wrong with it. */
export function readFilter(
  json: string,
  { doing, hasStatus }: { readonly doing: string; readonly hasStatus: boolean },
): { readonly filter: WebhookFilter; readonly errors: readonly ProblemPart[] } {
  const object = json.startsWith('{') ? readJsonObject(json) : undefined;
  if (object?.ok !== true) {
    const detail =
      object === undefined
        ? `Cannot ${doing} as filter must be an object: it is not`
        : notAnObject(object).detail;
    return { filter: filterOf(new Map()), errors: [at('', { code: 'invalid_filter', detail })] };
  }
  const { status } = filterFields;
  const fields = hasStatus
    ? filterFields
    : { ...filterFields, status: { ...status, read: refuseStatus } };
  const { values, errors } = readFields<FilterField>(object.members, { ...common, doing, fields });
  return {
    filter: filterOf(values),
    errors: [...errors, ...checkBounds(values, { doing, wasRead: errors.length === 0 })].map(
      (error) => at(error.pointer ?? '', error),
    ),
  };
}

const mostIds = 1_000;

const oneStatus = z.enum(replayableStatuses);

/** The parts of a filter. */
const filterFields = {
  status: {
    schema: z.union([oneStatus, z.array(oneStatus).min(1)]).describe('failed if not given.'),
    read: readStatuses,
  },
  endpoint_id: described('Those to this registered endpoint.', endpointId),
  url: {
    schema: url.schema.describe(
      'Those to this URL, whatever its query, and to no registered endpoint: as it is written here, or as it is stored when it is sent by this API.',
    ),
    read: readUrl,
  },
  from: described('Enqueued from then on.', time),
  until: described('Enqueued before then.', time),
  ids: {
    schema: z.array(idSchema).min(1).max(mostIds).describe('Of these webhooks.'),
    read: readIds,
  },
} as const satisfies Readonly<Record<FilterField, Field>>;

/** The field "filter" of a request; {@link readFilter} looks into it. */
export function filterField({ hasStatus }: { readonly hasStatus: boolean }): Field {
  const shape = bodySchemaOf({ ...common, doing: '', fields: filterFields });
  return {
    schema: (hasStatus ? shape : shape.omit({ status: true })).meta({
      description:
        'Which webhooks: all parts must hold. At least one of endpoint_id, url, from and ids must be there, and not both endpoint_id and url; until is later than from.',
      allOf: [
        { anyOf: bounds.map((name) => ({ required: [name], properties: { [name]: notNull } })) },
        { anyOf: [{ properties: { url: isNull } }, { properties: { endpoint_id: isNull } }] },
      ],
    }),
    read: (json) => ({ ok: true, value: json }),
  };
}

/** As it was given: the other form, the normalised one, is looked for as well. */
function readUrl(json: string): FieldResult {
  const read = url.read(json);
  if (!read.ok) return read;
  const text = String(JSON.parse(json));
  const [value] = urlForms(text);
  return Buffer.byteLength(text) <= maxUrlBytes
    ? { ok: true, value }
    : refused(`a URL of at most ${maxUrlBytes} bytes`);
}

function refuseStatus(): FieldResult {
  return refused('left out, as only what waits can be cancelled');
}

const common: Omit<FieldSet<FilterField>, 'doing' | 'fields'> = {
  required: [],
  ignoresNull: true,
  nullable: [],
  shown: ['status', 'endpoint_id', 'from', 'until'],
  brokenRule: (code) => ({ code, detail: 'Cannot read the filter' }),
};

function readStatuses(json: string): FieldResult {
  const given: unknown = /^["[]/.test(json) ? JSON.parse(json) : undefined;
  const statuses = typeof given === 'string' ? [given] : given;
  const isLegal =
    Array.isArray(statuses) &&
    statuses.length > 0 &&
    statuses.every((status) => replayableStatuses.some((known) => known === status));
  if (!isLegal) return refused(`one of ${replayableStatuses.join(', ')}, or a list of them`);
  return { ok: true, value: [...new Set(statuses)].join(',') };
}

function readIds(json: string): FieldResult {
  const ids: unknown = json.startsWith('[') ? JSON.parse(json) : undefined;
  const isLegal =
    Array.isArray(ids) &&
    ids.length > 0 &&
    ids.length <= mostIds &&
    ids.every((id) => typeof id === 'string' && isCanonicalUuid(id));
  if (!isLegal) return refused(`a list of 1 to ${mostIds} UUIDs in lower case with dashes`);
  return { ok: true, value: [...new Set(ids)].join(',') };
}

const bounds = ['endpoint_id', 'url', 'from', 'ids'] as const;
const isNull = { type: 'null' };
const notNull = { not: isNull };

/** Nobody sends or cancels everything by accident. */
function checkBounds(
  values: FieldValues<FilterField>,
  { doing, wasRead }: { readonly doing: string; readonly wasRead: boolean },
): ProblemPart[] {
  if (!wasRead) return [];
  if (values.has('endpoint_id') && values.has('url')) {
    const detail = `Cannot ${doing} as endpoint_id or url must be given: both are there`;
    return [{ pointer: '/endpoint_id', code: 'url_and_endpoint_id', detail }];
  }
  const { from, until } = filterOf(values);
  if (endsTooSoon({ from, until })) {
    const detail = `Cannot ${doing} as until must be later than from: current value is ${until}`;
    return [{ pointer: '/until', code: 'invalid_until', detail }];
  }
  if (bounds.some((name) => values.has(name))) return [];
  const detail = `Cannot ${doing} as one of ${bounds.join(', ')} must be given: there is none`;
  return [{ pointer: '', code: 'unbounded_filter', detail }];
}

function filterOf(values: FieldValues<FilterField>): WebhookFilter {
  const text = (name: FilterField): string | null => {
    const value = values.get(name);
    return typeof value === 'string' ? value : null;
  };
  const statuses = text('status')?.split(',') ?? ['failed'];
  return {
    statuses: replayableStatuses.filter((status) => statuses.includes(status)),
    endpointId: text('endpoint_id'),
    url: text('url'),
    from: text('from'),
    until: text('until'),
    ids: text('ids')?.split(',').toSorted() ?? null,
  };
}

function at(pointer: string, error: ProblemPart): ProblemPart {
  return { ...error, pointer: `/filter${pointer}` };
}
