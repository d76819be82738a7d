// Pure: no I/O, no clock, no randomness.

import { type ProblemPart, pointerTo, shown } from './problem.ts';

/** What a constraint of a table demands, and of which field; of none when Postgres sets the column itself. */
export interface TableRule {
  readonly field?: string;
  /** Ends "Cannot … as". */
  readonly rule: string;
}

/** A broken rule for the answer. The value is never part of it. A constraint that an operator added has nothing but its name. */
export function brokenTableRule(
  name: string,
  {
    rules,
    doing,
    table,
    header,
  }: {
    readonly rules: Readonly<Record<string, TableRule>>;
    /** Ends "Cannot". */
    readonly doing: string;
    readonly table: string;
    readonly header?: string | undefined;
  },
): ProblemPart {
  const { field, rule }: TableRule = (Object.hasOwn(rules, name) ? rules[name] : undefined) ?? {
    rule: `the constraint ${shown(name)} of posthorn.${table} must hold`,
  };
  const found =
    header === undefined ? 'current value is not shown' : `current header is ${shown(header)}`;
  const pointer =
    field === undefined
      ? {}
      : { pointer: `/${field}${header === undefined ? '' : pointerTo(header)}` };
  return { ...pointer, code: name, detail: `Cannot ${doing} as ${rule}: ${found}` };
}
