// Pure: no I/O, no clock, no randomness.

import {
  isObject,
  isSchema,
  type JsonSchema,
  pointerOf,
  type SchemaObject,
  schemaAt,
} from './json-schema.ts';

/*
 * TypeScript types of JSON Schemas (2020-12).
 *
 * A type is never narrower than its schema, except in two ways: "properties" without a "type" mean an object, and an object
 * literal may have no members that the schema does not name, if it says nothing of others. A keyword that TypeScript cannot
 * express makes the type wider: pattern, minimum, not, if, contains, and so on. docs/catalogue.md has the list.
 */

/** The type of a schema, and the types that it needs beside it. */
export interface TypeText {
  readonly text: string;
  /** Types by name, for the references of the schema. */
  readonly named: readonly (readonly [name: string, text: string])[];
}

/** Writes the type of a schema. The names of types that it needs begin with `prefix`. */
export function typeOfSchema(
  schema: JsonSchema,
  { prefix }: { readonly prefix: string },
): TypeText {
  const writer = new Writer(schema, prefix);
  const text = writer.typeOf(schema, { owner: undefined, indent: '  ' });
  return { text, named: [...writer.named] };
}

interface Place {
  /** The named type that is this type. Undefined inside an object or an array, where a type may refer to itself. */
  readonly owner: string | undefined;
  readonly indent: string;
}

/** A part of a type: a union in an intersection needs parentheses. */
type Operator = '|' | '&';

class Writer {
  readonly named = new Map<string, string>();
  readonly #root: JsonSchema;
  readonly #prefix: string;
  readonly #names = new Map<string, string>();
  /** Which named types are, directly, which others: "type A = B | C". They may form no circle. */
  readonly #is = new Map<string, Set<string>>();

  constructor(root: JsonSchema, prefix: string) {
    this.#root = root;
    this.#prefix = prefix;
  }

  typeOf(schema: JsonSchema, at: Place): string {
    if (!isObject(schema)) return schema ? 'unknown' : 'never';
    const parts = [
      ...(typeof schema['$ref'] === 'string' ? [this.#refer(schema['$ref'], at)] : []),
      ...this.#own(schema, at),
      ...listOf(schema['allOf']).map((part) => this.typeOf(part, at)),
      ...['anyOf', 'oneOf'].flatMap((keyword) => {
        const among = listOf(schema[keyword]).map((part) => this.typeOf(part, at));
        return among.length === 0 ? [] : [joined(among, '|')];
      }),
    ];
    return joined(parts, '&');
  }

  /** What a schema says without the schemas that it is made of. */
  #own(schema: SchemaObject, at: Place): string[] {
    if ('const' in schema) return [literal(schema['const'])];
    if (Array.isArray(schema['enum'])) return [joined(schema['enum'].map(literal), '|')];
    const { type } = schema;
    if (type === undefined) {
      if (isObject(schema['properties']) || Array.isArray(schema['required'])) {
        return [this.#object(schema, at)];
      }
      return [];
    }
    const types: unknown[] = Array.isArray(type) ? type : [type];
    return [
      joined(
        types.map((one) => this.#typeNamed(one, schema, at)),
        '|',
      ),
    ];
  }

  #typeNamed(type: unknown, schema: SchemaObject, at: Place): string {
    switch (type) {
      case 'object':
        return this.#object(schema, at);
      case 'array':
        return this.#array(schema, at);
      case 'integer':
      case 'number':
        return 'number';
      case 'string':
      case 'boolean':
      case 'null':
        return type;
      default:
        return 'unknown';
    }
  }

  #object(schema: SchemaObject, { indent }: Place): string {
    const properties = isObject(schema['properties']) ? schema['properties'] : {};
    const required = new Set(
      (Array.isArray(schema['required']) ? schema['required'] : []).map(String),
    );
    const inner = { owner: undefined, indent: `${indent}  ` };
    const members = Object.entries(properties).map(([name, part]) => {
      const about = docOf(part, inner.indent);
      const mark = required.has(name) ? '' : '?';
      // Every object has inherited members of these names, which need not fit.
      const isInherited = name in {} && !required.has(name);
      const text = isSchema(part) && !isInherited ? this.typeOf(part, inner) : 'unknown';
      return `${about}${inner.indent}${keyOf(name)}${mark}: ${text};\n`;
    });
    for (const name of required) {
      if (Object.hasOwn(properties, name)) continue;
      members.push(`${inner.indent}${keyOf(name)}: unknown;\n`);
    }
    const { additionalProperties: others } = schema;
    const hasPatterns = isObject(schema['patternProperties']);
    if (members.length === 0 && !hasPatterns && isSchema(others) && others !== true) {
      // No other member: the type of an object without members would be any value but null.
      if (others === false) return '{ [name: string]: never }';
      return `{ [name: string]: ${this.typeOf(others, inner)} }`;
    }
    // "any", because TypeScript lets no interface be an object with an index of "unknown".
    if (members.length === 0) return '{ [name: string]: any }';
    if (hasPatterns || (isSchema(others) && others !== false)) {
      members.push(`${inner.indent}[name: string]: any;\n`);
    }
    return `{\n${members.join('')}${indent}}`;
  }

  #array(schema: SchemaObject, { indent }: Place): string {
    const at = { owner: undefined, indent };
    const { items, prefixItems, minItems } = schema;
    const rest = isSchema(items) ? this.typeOf(items, at) : 'unknown';
    const first = listOf(prefixItems);
    if (first.length === 0) return items === false ? 'readonly []' : `readonly ${grouped(rest)}[]`;
    const least = typeof minItems === 'number' ? minItems : 0;
    const places = first.map((part, index) => {
      const text = grouped(this.typeOf(part, at));
      return index < least ? text : `${text}?`;
    });
    // A rest that must be there would follow an optional place, which TypeScript refuses; more of it is always allowed.
    if (items !== false) places.push(`...${grouped(rest)}[]`);
    return `readonly [${places.join(', ')}]`;
  }

  #refer(reference: string, { owner }: Place): string {
    const pointer = pointerOf(reference, this.#root);
    const target = pointer === undefined ? undefined : schemaAt(this.#root, pointer);
    if (pointer === undefined || target === undefined) return 'unknown';
    const known = this.#names.get(pointer);
    const name = known ?? this.#newName(pointer);
    if (owner !== undefined) {
      // "type A = A" has no meaning, in TypeScript or in JSON Schema.
      if (this.#isDirectly(name, owner)) return 'unknown';
      this.#is.set(owner, (this.#is.get(owner) ?? new Set()).add(name));
    }
    if (known === undefined) {
      this.#names.set(pointer, name);
      // Its place in the order of the file, before those that it needs itself.
      this.named.set(name, '');
      this.named.set(name, this.typeOf(target, { owner: name, indent: '' }));
    }
    return name;
  }

  #newName(pointer: string): string {
    const last = pointer.split('/').at(-1) ?? '';
    const wanted = this.#prefix + pascalCase(last === '' ? 'whole' : last);
    const taken = new Set(this.#names.values());
    for (let number = 1; ; number += 1) {
      const name = number === 1 ? wanted : `${wanted}${number}`;
      if (!taken.has(name)) return name;
    }
  }

  #isDirectly(name: string, wanted: string): boolean {
    if (name === wanted) return true;
    return [...(this.#is.get(name) ?? [])].some((next) => this.#isDirectly(next, wanted));
  }
}

function listOf(value: unknown): JsonSchema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}

/** Parts of a union or an intersection, each once. */
function joined(parts: readonly string[], operator: Operator): string {
  const neutral = operator === '&' ? 'unknown' : 'never';
  const dominant = operator === '&' ? 'never' : 'unknown';
  const left = [...new Set(parts)].filter((part) => part !== neutral);
  if (left.includes(dominant)) return dominant;
  if (left.length <= 1) return left[0] ?? neutral;
  return left.map(grouped).join(` ${operator} `);
}

/** In parentheses, unless it is one word, one literal or one pair of braces. */
function grouped(type: string): string {
  return /^(?:[\w$]+|"(?:[^"\\]|\\.)*"|\{[^{}]*\})$/.test(type) ? type : `(${type})`;
}

/** The type of one value. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `readonly [${value.map(literal).join(', ')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'unknown';
  const members = Object.entries(value).map(([name, one]) => `${keyOf(name)}: ${literal(one)}`);
  return members.length === 0 ? '{ [name: string]: never }' : `{ ${members.join('; ')} }`;
}

/** The name of a member, in quotes if need be. */
export function keyOf(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** A comment for people: the description of a schema, and whether it is deprecated. */
function docOf(schema: unknown, indent: string): string {
  if (!isObject(schema)) return '';
  const { description, deprecated } = schema;
  return commentOf(
    {
      description: typeof description === 'string' ? description : '',
      isDeprecated: deprecated === true,
    },
    indent,
  );
}

/** A comment above a type or a member; empty: there is nothing to say. */
export function commentOf(
  { description, isDeprecated }: { readonly description: string; readonly isDeprecated: boolean },
  indent: string,
): string {
  const lines = description
    .replaceAll('*/', '*\\/')
    .split(/\r\n|[\r\n\u2028\u2029]/)
    .filter((line) => line.trim() !== '');
  if (isDeprecated) lines.push('@deprecated');
  if (lines.length === 0) return '';
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

/** "order.line_item" is "OrderLineItem". */
export function pascalCase(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const text = words.map((word) => word[0]?.toUpperCase() + word.slice(1)).join('');
  return /^[A-Za-z]/.test(text) ? text : `T${text}`;
}
