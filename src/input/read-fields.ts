// Pure: no I/O, no clock, no randomness.

import { z } from 'zod';
import { itemsOf, readJsonObject, textOf } from '../domain/json-text.ts';
import { notAnObject, type Problem, type ProblemPart, pointerTo, shown } from './problem.ts';

/**
 * The fields of a request by name, from HTTP or from a command line. A `body` is the exact text to send, also in each of
 * the `events` of a batch; every other field is a value of JSON.
 */
export type Values = Readonly<Record<string, unknown>>;

/** A request: its fields, and how an answer speaks about a wrong one. */
export interface Request<Schema extends z.ZodObject> {
  /** Made by {@link fieldsOf}. */
  readonly schema: Schema;
  /** The fields whose value an answer may repeat. The others may hold a secret. */
  readonly shown: readonly string[];
  /** Names a broken rule of a table. */
  readonly brokenRule?: BrokenRule;
}

type BrokenRule = (rule: string, at: { readonly header?: string }) => ProblemPart;

/** What a request asks for, or everything that is wrong with it. */
export type Read<Fields> =
  | { readonly ok: true; readonly fields: Fields }
  | { readonly ok: false; readonly errors: readonly ProblemPart[] };

/** What a field's own check adds to an issue of zod. */
export interface Fault {
  /** The name of a table's rule. */
  readonly rule?: string;
  /** The header that breaks the rule. */
  readonly header?: string;
  /** The member of the field that is wrong. */
  readonly member?: string;
  /** Another code than invalid_ and the name of the field. The message is the whole detail then. */
  readonly code?: string;
  /** What is wrong with an item of the field, a request of its own; and which item it is. */
  readonly part?: ProblemPart;
  readonly item?: number;
}

/** An object of these fields and no others. */
export function fieldsOf<const Shape extends z.ZodRawShape>(shape: Shape, rule = 'an object') {
  const names = Object.keys(shape);
  const known = names.length === 0 ? 'none are taken here' : `the fields are ${names.join(', ')}`;
  return z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? known : rule),
  });
}

/** A field that may be left out; null is as good as nothing. */
export function optional<Field extends z.ZodType>(
  field: Field,
  description = field.description ?? '',
) {
  return field.nullish().describe(description);
}

/** Reads the text of a request's JSON object. */
export function readValues(
  text: string,
):
  | { readonly ok: true; readonly values: Values }
  | { readonly ok: false; readonly problem: Problem } {
  const object = readJsonObject(text);
  if (!object.ok) return { ok: false, problem: notAnObject(object) };
  const entries: [string, unknown][] = [];
  for (const [name, json] of object.members) {
    const read = name === 'body' ? bodyIn : name === 'events' ? eventsIn : valueIn;
    entries.push([name, read(json)]);
  }
  // Unlike an assignment, this takes "__proto__" for a name like any other.
  const values = Object.fromEntries(entries);
  return { ok: true, values };
}

/** A string is sent as its text, any other value byte for byte as it was written: JSON.parse() would change 1.0 and 2^53 + 1. */
function bodyIn(json: string): string {
  return json.startsWith('"') ? textOf(json) : json;
}

/** The fields of each event. What is not an object, or one with a key that comes twice, is refused later. */
function eventsIn(json: string): unknown {
  if (!json.startsWith('[')) return valueIn(json);
  return itemsOf(json).map((item) => {
    const read = item.startsWith('{') ? readValues(item) : undefined;
    return read?.ok ? read.values : valueIn(item);
  });
}

/** An object with a key that comes twice stays text, which no field that must be an object takes. */
function valueIn(json: string): unknown {
  if (json.startsWith('"')) return textOf(json);
  return json.startsWith('{') && !readJsonObject(json).ok ? json : JSON.parse(json);
}

/** Reads the fields of a request and lists everything that is wrong with them, in the order in which they came. */
export function readFields<Schema extends z.ZodObject>(
  values: Values,
  request: Request<Schema>,
): Read<z.output<Schema>> {
  const read = request.schema.safeParse(values);
  if (read.success) return { ok: true, fields: read.data };
  const issues = read.error.issues.flatMap(issuesByKey).map((issue) => {
    const end = issue.path.findIndex((step) => typeof step === 'number');
    const path = (end < 0 ? issue.path : issue.path.slice(0, end)).map(String);
    return { ...issue, path, place: placeOf(path, values) };
  });
  const parts = issues
    .toSorted((one, other) => one.place - other.place)
    .map((issue) => partOf(issue, { values, request }));
  const byText = new Map(parts.map((part) => [JSON.stringify(part), part]));
  return { ok: false, errors: [...byText.values()] };
}

/** A field of which several checks fail is wrong once, and each unknown field by itself. */
function issuesByKey(issue: z.core.$ZodIssue): (z.core.$ZodIssue & { isUnknown?: true })[] {
  if (issue.code !== 'unrecognized_keys') return [issue];
  return issue.keys.map((key) => ({ ...issue, path: [...issue.path, key], isUnknown: true }));
}

/** Fields in the order in which they came, missing ones at the end. */
function placeOf([name = '']: readonly string[], values: Values): number {
  const place = Object.keys(values).indexOf(name);
  return place < 0 ? Number.POSITIVE_INFINITY : place;
}

type Issue = Omit<z.core.$ZodIssue, 'path'> & {
  readonly path: readonly string[];
  readonly isUnknown?: true;
};

function partOf(
  issue: Issue,
  { values, request }: { readonly values: Values; readonly request: Request<z.ZodObject> },
): ProblemPart {
  const { path, message, isUnknown } = issue;
  const { rule, header, member, code, part, item }: Fault = Reflect.get(issue, 'params') ?? {};
  if (part !== undefined) {
    const place = [...path, String(item)];
    return {
      ...part,
      pointer: `${place.map(pointerTo).join('')}${part.pointer ?? ''}`,
      detail: `${place.join('/')}: ${part.detail}`,
    };
  }
  if (rule !== undefined && request.brokenRule !== undefined) {
    return request.brokenRule(rule, header === undefined ? {} : { header });
  }
  const steps = member === undefined ? path : [...path, member];
  const pointer = steps.map(pointerTo).join('');
  const name = path.at(-1) ?? '';
  if (isUnknown) {
    return { pointer, code: 'unknown_field', detail: `Unknown field ${quoted(name)}: ${message}` };
  }
  if (code !== undefined) return { pointer, code, detail: message };
  if (path.length === 1 && !Object.hasOwn(values, name)) {
    return { pointer, code: `missing_${name}`, detail: `${name} is missing` };
  }
  const what = member === undefined ? name : `${name}: ${quoted(member)}`;
  const found = request.shown.includes(name) ? `: ${quoted(valueAt(path, values))} is not` : '';
  return { pointer, code: `invalid_${name}`, detail: `${what} must be ${message}${found}` };
}

function valueAt(path: readonly string[], values: Values): unknown {
  return path.reduce<unknown>((value, step) => Reflect.get(Object(value), step), values);
}

/** A value as in JSON. A number over 1.8e308 is Infinity, for which JSON has no word. */
function quoted(value: unknown): string {
  return shown(typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing'));
}
