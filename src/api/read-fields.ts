// Pure: no I/O, no clock, no randomness.

import { type ProblemPart, pointerTo, shown } from './problem.ts';

/** A field's value as a statement takes it, or all that is wrong with it. */
export type FieldResult =
  | { readonly ok: true; readonly value: string | number | null }
  | { readonly ok: false; readonly faults: readonly FieldFault[] };

/** What a field, or a member in it, must be instead; or the rule of a table that it breaks. */
export type FieldFault =
  | { readonly mustBe: string; readonly at?: string }
  | { readonly rule: string; readonly header?: string };

/** The fields that a request may have, and how it is said that one is wrong. */
export interface FieldSet<Name extends string> {
  /** Ends "Cannot", as in "send the webhook". */
  readonly doing: string;
  /** How each is read from its JSON text. */
  readonly readers: Readonly<Record<Name, (json: string) => FieldResult>>;
  readonly required: readonly Name[];
  /** Null is as good as nothing, but for what is required. */
  readonly ignoresNull: boolean;
  /** Null is a value of these. */
  readonly nullable: readonly Name[];
  /** What a field holds may be secret: only these are shown. */
  readonly shown: readonly Name[];
  readonly brokenRule: (rule: string, at: { readonly header?: string }) => ProblemPart;
}

export type FieldValues<Name extends string> = ReadonlyMap<Name, string | number | null>;

/** Reads the members of an object, and says all that is wrong with them. */
export function readFields<Name extends string>(
  members: ReadonlyMap<string, string>,
  set: FieldSet<Name>,
): { readonly values: FieldValues<Name>; readonly errors: ProblemPart[] } {
  const values = new Map<Name, string | number | null>();
  const errors: ProblemPart[] = [];
  const { doing, readers, required, ignoresNull, nullable } = set;
  for (const [name, json] of members) {
    if (!isOneOf(name, readers)) {
      const detail = `Cannot ${doing} as its fields must be ${Object.keys(readers).join(', ')}: ${shown(name)} is none`;
      errors.push({ pointer: pointerTo(name), code: 'unknown_field', detail });
    } else if (json === 'null' && nullable.includes(name)) {
      values.set(name, null);
    } else if (json !== 'null' || !ignoresNull || required.includes(name)) {
      const result = readers[name](json);
      if (result.ok) values.set(name, result.value);
      else errors.push(...result.faults.map((fault) => errorOf(name, { fault, json, set })));
    }
  }
  for (const name of required) {
    if (members.has(name)) continue;
    const detail = `Cannot ${doing} as ${name} must be given: it is missing`;
    errors.push({ pointer: `/${name}`, code: `missing_${name}`, detail });
  }
  return { values, errors };
}

/** What a field's reader says about a value that it cannot take. */
export function refused(mustBe: string): FieldResult {
  return { ok: false, faults: [{ mustBe }] };
}

/** A value, or what it must be instead. */
export function orElse(value: string | undefined, mustBe: string): FieldResult {
  return value === undefined ? refused(mustBe) : { ok: true, value };
}

function isOneOf<Name extends string>(
  name: string,
  readers: Readonly<Record<Name, unknown>>,
): name is Name {
  return Object.hasOwn(readers, name);
}

function errorOf<Name extends string>(
  name: Name,
  { fault, json, set }: { fault: FieldFault; json: string; set: FieldSet<Name> },
): ProblemPart {
  if ('rule' in fault) return set.brokenRule(fault.rule, fault);
  const { mustBe, at } = fault;
  const current = set.shown.includes(name) ? `: current value is ${shown(json)}` : ': it is not';
  return {
    pointer: at === undefined ? `/${name}` : `/${name}${pointerTo(at)}`,
    code: `invalid_${name}`,
    detail: `Cannot ${set.doing} as ${name}${at === undefined ? '' : ` ${shown(at)}`} must be ${mustBe}${current}`,
  };
}
