import type { CommonQueryMethods } from 'slonik';
import { checkFilter } from '../queries/check-filter.ts';
import { invalid, type Problem, type ProblemPart } from './problem.ts';
import { brokenSubscriptionRule, unreadableFilter } from './subscription-rules.ts';

/** What is wrong with the filter of a subscription; undefined: nothing. */
export async function problemOfFilter(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  filter: string | null,
): Promise<Problem | undefined> {
  const part = await faultOfFilter(connection, filter);
  return part === undefined ? undefined : invalid('invalid_subscription', [part]);
}

/** What is wrong with the filters of the subscriptions of a new endpoint; undefined: nothing. */
export async function problemOfFilters(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  filters: readonly (string | null)[],
): Promise<Problem | undefined> {
  const parts: ProblemPart[] = [];
  for (const [index, filter] of filters.entries()) {
    const part = await faultOfFilter(connection, filter);
    if (part === undefined) continue;
    const place = `subscriptions/${index}`;
    parts.push({
      ...part,
      pointer: `/${place}${part.pointer ?? ''}`,
      detail: `${place}: ${part.detail}`,
    });
  }
  return parts.length === 0 ? undefined : invalid('invalid_endpoint', parts);
}

async function faultOfFilter(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  filter: string | null,
): Promise<ProblemPart | undefined> {
  if (filter === null) return undefined;
  const checked = await checkFilter(connection, filter);
  switch (checked.kind) {
    case 'usable':
      return undefined;
    case 'refused':
      return brokenSubscriptionRule(checked.rule);
    case 'unreadable':
      return unreadableFilter(checked.message);
    default:
      return checked satisfies never;
  }
}
