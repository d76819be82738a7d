// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { type ProblemPart, pointerTo, shown } from './problem.ts';

/** A field's value as a statement takes it, or all that is wrong with it. */
export type FieldResult =
  | { readonly ok: true; readonly value: string | number | null }
  | { readonly ok: false; readonly faults: readonly FieldFault[] };

/** What a field, or a member in it, must be instead; or the rule of a table that it breaks. */
export type FieldFault =
  | { readonly mustBe: string; readonly at?: string }
  | { readonly rule: string; readonly header?: string };

/** A field of a request. */
export interface Field {
  /** What its JSON must be, for the documentation; for simple fields also what holds them to it. */
  readonly schema: z.ZodType;
  /** Reads it from its JSON text. */
  readonly read: (json: string) => FieldResult;
}

/** The fields that a request may have, and how it is said that one is wrong. */
export interface FieldSet<Name extends string> {
  /** Ends "Cannot", as in "send the webhook". */
  readonly doing: string;
  readonly fields: Readonly<Record<Name, Field>>;
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
  const { doing, fields, required, ignoresNull, nullable } = set;
  for (const [name, json] of members) {
    if (!isOneOf(name, fields)) {
      const detail = `Cannot ${doing} as its fields must be ${Object.keys(fields).join(', ')}: ${shown(name)} is none`;
      errors.push({ pointer: pointerTo(name), code: 'unknown_field', detail });
    } else if (json === 'null' && nullable.includes(name)) {
      values.set(name, null);
    } else if (json !== 'null' || !ignoresNull || required.includes(name)) {
      const result = fields[name].read(json);
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

/** What the body of a request with these fields must be, for the documentation. */
export function bodySchemaOf<Name extends string>(set: FieldSet<Name>): z.ZodObject {
  const { fields, required, ignoresNull, nullable } = set;
  const shape: Record<string, z.ZodType> = {};
  for (const [name, { schema }] of Object.entries<Field>(fields)) {
    const isRequired = required.some((known) => known === name);
    const takesNull = !isRequired && (ignoresNull || nullable.some((known) => known === name));
    const { description } = schema;
    const taken = takesNull
      ? schema.nullable().meta(description === undefined ? {} : { description })
      : schema;
    shape[name] = isRequired ? taken : taken.optional();
  }
  return z.strictObject(shape);
}

function isOneOf<Name extends string>(
  name: string,
  fields: Readonly<Record<Name, unknown>>,
): name is Name {
  return Object.hasOwn(fields, name);
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
