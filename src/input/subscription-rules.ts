// Pure: no I/O, no clock, no randomness.

import type { ProblemPart } from './problem.ts';
import { brokenTableRule, type TableRule } from './table-rules.ts';

const predicate = 'a jsonpath predicate such as $.total >= 1000';

/** Every rule of posthorn.subscriptions. Its name is the problem's code; a test compares them with the SQL. */
export const subscriptionRules = {
  subscriptions_id_is_uuid_v7: { rule: 'id must be a UUID v7' },
  subscriptions_endpoint_is_registered: {
    field: 'endpoint_id',
    rule: 'endpoint_id must be that of a registered endpoint that is not deleted',
  },
  subscriptions_tenant_is_that_of_the_endpoint: {
    rule: 'tenant must be that of the endpoint',
  },
  subscriptions_event_type_is_words_or_ends_with_a_star: {
    field: 'event_type',
    rule: 'event_type must be a type of events like order.paid, all types below one like order.*, or * for all types; at most 128 characters',
  },
  subscriptions_begin_unended: { rule: 'a new subscription must not have ended' },
  subscriptions_are_not_changed: { rule: 'a subscription must stay as it is until it is ended' },
  subscriptions_end_once: { rule: 'a subscription that has ended must stay so' },
  subscriptions_are_ended_before_they_are_deleted: {
    rule: 'a subscription must be ended before it is deleted',
  },
  subscriptions_filter_is_at_most_1_kib: {
    field: 'filter',
    rule: 'filter must be at most 1 KiB (1024 bytes) in UTF-8, as Postgres writes it',
  },
  subscriptions_filter_has_no_like_regex: {
    field: 'filter',
    rule: 'filter must not contain like_regex, because a regular expression can take very long; starts with is allowed',
  },
  subscriptions_filter_has_no_recursive_wildcard: {
    field: 'filter',
    rule: 'filter must not contain **, because it reads the whole body for each condition; write the path',
  },
  subscriptions_filter_has_no_variables: {
    field: 'filter',
    rule: 'filter must not contain variables like $x, because nothing sets them',
  },
  subscriptions_filter_methods_are_type_and_size: {
    field: 'filter',
    rule: 'filter must contain no methods but .type() and .size(), because others can fail or take very long',
  },
  subscriptions_filter_subscripts_are_one_index_or_range: {
    field: 'filter',
    rule: 'filter must have one index or range in each pair of brackets, like [0], [last - 1], [0 to 4] or [*]',
  },
  subscriptions_filter_does_not_calculate: {
    field: 'filter',
    rule: 'filter must not calculate: no +, -, *, / and % with paths or numbers',
  },
  subscriptions_filter_compares_paths_with_values: {
    field: 'filter',
    rule: 'filter must compare each path with a value and not with another path',
  },
  subscriptions_filter_conditions_begin_with_at: {
    field: 'filter',
    rule: 'filter must begin the paths in a condition ?(…) with @ and not with $',
  },
  subscriptions_filter_has_at_most_10_paths: {
    field: 'filter',
    rule: 'filter must contain at most 10 paths, counted by $ and @',
  },
  subscriptions_filter_has_at_most_60_steps: {
    field: 'filter',
    rule: 'filter must contain at most 60 steps, counted by brackets, parentheses, wildcards and comparisons',
  },
  subscriptions_filter_is_a_predicate: {
    field: 'filter',
    rule: `filter must be ${predicate}: an answer of true or false, not a value of the body`,
  },
} as const satisfies Readonly<Record<string, TableRule>>;

export function brokenSubscriptionRule(name: string): ProblemPart {
  return brokenTableRule(name, { rules: subscriptionRules, table: 'subscriptions' });
}

/** A filter that Postgres cannot read, in Postgres' words. */
export function unreadableFilter(message: string): ProblemPart {
  return {
    pointer: '/filter',
    code: 'invalid_filter',
    detail: `filter must be ${predicate}: ${message}`,
  };
}
