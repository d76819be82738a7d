import {
  type ListFilter,
  type WebhookPriority,
  webhookPriorities,
} from '../queries/list-webhooks.ts';
import { type WebhookStatus, webhookStatuses } from '../queries/webhook-row.ts';
import { isCanonicalUuid } from './canonical-uuid.ts';
import { fault, type ListRequest, parameterProblem, readListRequest } from './list-request.ts';
import type { ProblemPart } from './problem.ts';
import { endsTooSoon, readTime } from './send-fields.ts';

const names = ['endpoint_id', 'priority', 'from', 'until', 'q'] as const;
const mostText = 200;

/** Reads the query parameters of GET /webhooks: those of every list, and which webhooks. */
export function readWebhookListRequest(
  parameters: URLSearchParams,
  cursorKey: Uint8Array,
): { readonly request: ListRequest<WebhookStatus>; readonly which: ListFilter } {
  const request = readListRequest(parameters, {
    what: 'webhooks',
    statuses: webhookStatuses,
    cursorKey,
    others: names,
  });
  const errors: ProblemPart[] = [];
  const read = <Value extends string>(
    name: (typeof names)[number],
    { mustBe, isRight }: { mustBe: string; isRight: (value: string) => value is Value },
  ): Value | undefined => {
    const value = parameters.get(name);
    if (value === null) return undefined;
    if (isRight(value)) return value;
    errors.push(fault(name, { what: 'webhooks', mustBe, value }));
    return undefined;
  };
  const isTime = (value: string): value is string => readTime(value).ok;
  const time = { mustBe: 'an RFC 3339 time with a zone', isRight: isTime };
  const text = read('q', {
    mustBe: `text of 1 to ${mostText} characters`,
    isRight: (value): value is string =>
      value.length > 0 && value.length <= mostText && !value.includes('\0'),
  });
  const isId = text !== undefined && isCanonicalUuid(text);
  const which = {
    endpointId: read('endpoint_id', {
      mustBe: 'a UUID in lower case with dashes',
      isRight: (value): value is string => isCanonicalUuid(value),
    }),
    priority: read('priority', {
      mustBe: `one of ${webhookPriorities.join(', ')}`,
      isRight: (value): value is WebhookPriority =>
        webhookPriorities.some((known) => known === value),
    }),
    from: read('from', time),
    until: read('until', time),
    text: isId ? undefined : text,
    id: isId ? text : undefined,
  };
  if (endsTooSoon(which)) {
    errors.push(
      fault('until', { what: 'webhooks', mustBe: 'later than from', value: which.until ?? '' }),
    );
  }
  const [first] = errors;
  if (first === undefined) return { request, which };
  const known = request.ok ? [] : (request.problem.errors ?? []);
  const problem = parameterProblem(known[0] ?? first, [...known, ...errors]);
  return { request: { ok: false, problem }, which };
}
