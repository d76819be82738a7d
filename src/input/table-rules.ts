// Pure: no I/O, no clock, no randomness.

import { type ProblemPart, pointerTo, shown } from './problem.ts';

/** What a constraint of a table demands, and of which field. Columns that Postgres sets itself have no field. */
export interface TableRule {
  readonly field?: string;
  /** A sentence. */
  readonly rule: string;
}

/**
 * A broken rule for the answer. The value is never part of it, because it may be a secret. Of a constraint that an operator
 * added, only the name is known.
 */
export function brokenTableRule(
  name: string,
  {
    rules,
    table,
    header,
  }: {
    readonly rules: Readonly<Record<string, TableRule>>;
    readonly table: string;
    readonly header?: string | undefined;
  },
): ProblemPart {
  const { field, rule }: TableRule = (Object.hasOwn(rules, name) ? rules[name] : undefined) ?? {
    rule: `the constraint ${shown(name)} of posthorn.${table} must hold`,
  };
  if (header === undefined) {
    return { ...(field === undefined ? {} : { pointer: `/${field}` }), code: name, detail: rule };
  }
  return {
    pointer: `/${field ?? ''}${pointerTo(header)}`,
    code: name,
    detail: `${rule}: the header ${shown(header)} breaks this rule`,
  };
}
