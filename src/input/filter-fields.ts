// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { maxUrlBytes, urlForms } from '../domain/url-forms.ts';
import { replayableStatuses, type WebhookFilter } from '../queries/webhook-filter.ts';
import { endpointId, endsTooSoon, id, text, time, url } from './fields.ts';
import { fieldsOf, optional } from './read-fields.ts';

const eventIdRule = 'the id of an event: a UUID in lower case with dashes';
const maxIds = 1_000;
const idsRule = `a list of 1 to ${maxIds} UUIDs in lower case with dashes`;
const statusRule = `one of ${replayableStatuses.join(', ')}, or a list of them`;
const oneStatus = z.enum(replayableStatuses, statusRule);

const status = z.union([oneStatus, z.array(oneStatus, statusRule).min(1, statusRule)], statusRule);

/** A URL as it was given: its normalised form is looked for as well. */
const filterUrl = url.transform((given, context) => {
  const [form] = urlForms(given);
  if (Buffer.byteLength(given) <= maxUrlBytes) return form;
  context.addIssue({ code: 'custom', message: `a URL of at most ${maxUrlBytes} bytes` });
  return z.NEVER;
});

/** A type as events have it, and not a pattern. */
const eventTypeRule =
  'a type of events, like order.paid: at most 128 letters, digits, - and _, with single dots between';
const eventType = z
  .string(eventTypeRule)
  .max(128, eventTypeRule)
  .regex(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, eventTypeRule);

const maxTenantBytes = 255;
const tenantRule = `the id of a tenant of at most ${maxTenantBytes} bytes in UTF-8`;
const tenant = text(tenantRule)
  .refine((value) => Buffer.byteLength(value) <= maxTenantBytes, tenantRule)
  .meta({ maxLength: maxTenantBytes });

const bounds = ['endpoint_id', 'url', 'from', 'ids', 'event_id', 'event_type', 'tenant'] as const;

/** The field "filter" of a request: which webhooks. */
function filterWith<Status extends z.ZodType>(statusField: Status) {
  return fieldsOf(
    {
      status: optional(statusField, 'failed if not given.'),
      endpoint_id: optional(endpointId, 'Those to this registered endpoint.'),
      url: optional(
        filterUrl,
        'Those to this URL, whatever its query, and to no registered endpoint: as it is written here, or as it is stored when it is sent by this API.',
      ),
      from: optional(time(), 'Enqueued from then on.'),
      until: optional(time(), 'Enqueued before then.'),
      ids: optional(
        z.array(id(idsRule), idsRule).min(1, idsRule).max(maxIds, idsRule),
        'Of these webhooks.',
      ),
      event_id: optional(id(eventIdRule), 'Those of this event.'),
      event_type: optional(eventType, 'Those of events of exactly this type.'),
      tenant: optional(
        tenant,
        'Those of this tenant: to its endpoints, or sent for it. Empty: of the application itself.',
      ),
    },
    'an object in which each name comes once',
  )
    .superRefine(checkBounds)
    .meta({
      description:
        'Which webhooks: all parts must hold. At least one of endpoint_id, url, from, ids, event_id, event_type and tenant must be there, and not both endpoint_id and url; until is later than from.',
      allOf: [
        { anyOf: bounds.map((name) => ({ required: [name], properties: { [name]: notNull } })) },
        { anyOf: [{ properties: { url: isNull } }, { properties: { endpoint_id: isNull } }] },
      ],
    });
}

const isNull = { type: 'null' };
const notNull = { not: isNull };

/** Which webhooks to send again. */
export const replayFilter = filterWith(status).transform(({ status, ...rest }) =>
  filterOf(rest, typeof status === 'string' ? [status] : (status ?? ['failed'])),
);

/** Which webhooks to cancel. */
export const cancelFilter = filterWith(
  z.never('left out, because only webhooks that wait can be cancelled'),
).transform((given) => filterOf(given, ['pending']));

/** What the shown fields of a filter are: a URL may hold a secret. */
export const shownOfFilter = [
  'status',
  'endpoint_id',
  'from',
  'until',
  'event_id',
  'event_type',
  'tenant',
];

interface Given {
  readonly endpoint_id?: string | null | undefined;
  readonly url?: string | null | undefined;
  readonly from?: string | null | undefined;
  readonly until?: string | null | undefined;
  readonly ids?: readonly string[] | null | undefined;
  readonly event_id?: string | null | undefined;
  readonly event_type?: string | null | undefined;
  readonly tenant?: string | null | undefined;
}

/** A filter without bounds would send or cancel everything by accident. */
function checkBounds(given: Given, context: z.core.$RefinementCtx): void {
  const refuse = (code: string, { path, message }: { path: string[]; message: string }) =>
    context.addIssue({ code: 'custom', path, message, params: { code } });
  if (isGiven(given.endpoint_id) && isGiven(given.url)) {
    const message = 'endpoint_id and url are both there; give one of them';
    refuse('url_and_endpoint_id', { path: ['endpoint_id'], message });
  } else if (endsTooSoon(given)) {
    const message = `until must be later than from: ${given.until} is not`;
    refuse('invalid_until', { path: ['until'], message });
  } else if (!bounds.some((name) => isGiven(given[name]))) {
    const message = `The filter needs one of ${bounds.join(', ')}: none is there`;
    refuse('unbounded_filter', { path: [], message });
  }
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}

function filterOf(given: Given, statuses: WebhookFilter['statuses']): WebhookFilter {
  return {
    statuses: replayableStatuses.filter((known) => statuses.includes(known)),
    endpointId: given.endpoint_id ?? null,
    url: given.url ?? null,
    from: given.from ?? null,
    until: given.until ?? null,
    ids: given.ids ? [...new Set(given.ids)].toSorted() : null,
    eventId: given.event_id ?? null,
    eventType: given.event_type ?? null,
    tenant: given.tenant ?? null,
  };
}
