// Pure: no I/O, no clock, no randomness.

/** A JSON Schema (2020-12), parsed. */
export type JsonSchema = boolean | SchemaObject;

export type SchemaObject = Readonly<Record<string, unknown>>;

const withOneSchema = new Set([
  ...['items', 'contains', 'additionalProperties', 'propertyNames', 'contentSchema'],
  ...['unevaluatedItems', 'unevaluatedProperties', 'not', 'if', 'then', 'else'],
]);
const withSchemaList = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const withSchemasByName = new Set([
  ...['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'],
]);

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'boolean' || isObject(value);
}

export function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A schema in another one: its place as the steps of a JSON pointer, and itself. */
interface Part {
  readonly steps: readonly string[];
  readonly schema: JsonSchema;
}

/** The schemas directly inside a schema. Values of const, enum, default and examples are not among them. */
export function partsOf(schema: JsonSchema): Part[] {
  if (!isObject(schema)) return [];
  return Object.entries(schema).flatMap(([keyword, value]): Part[] => {
    if (withOneSchema.has(keyword) && isSchema(value)) return [{ steps: [keyword], schema: value }];
    const isList = withSchemaList.has(keyword) && Array.isArray(value);
    if (!isList && !(withSchemasByName.has(keyword) && isObject(value))) return [];
    return Object.entries(value).flatMap(([step, part]) =>
      isSchema(part) ? [{ steps: [keyword, step], schema: part }] : [],
    );
  });
}

/** Changes a schema and all schemas inside it. A schema for which `change` returns undefined stays, with all inside it. */
export function changeSchemas(
  schema: JsonSchema,
  change: (schema: SchemaObject) => SchemaObject | undefined,
): JsonSchema {
  if (!isObject(schema)) return schema;
  const changed = change(schema);
  if (changed === undefined) return schema;
  return Object.fromEntries(
    Object.entries(changed).map(([keyword, value]) => {
      const inside = (part: unknown) => (isSchema(part) ? changeSchemas(part, change) : part);
      if (withOneSchema.has(keyword)) return [keyword, inside(value)];
      if (withSchemaList.has(keyword) && Array.isArray(value)) return [keyword, value.map(inside)];
      if (!withSchemasByName.has(keyword) || !isObject(value)) return [keyword, value];
      const entries = Object.entries(value).map(([name, part]) => [name, inside(part)]);
      return [keyword, Object.fromEntries(entries)];
    }),
  );
}

/**
 * The JSON pointer that a reference inside a schema leads to, such as "/$defs/money"; '' is the whole schema. Undefined:
 * it leads out of the schema, or to no anchor.
 */
export function pointerOf(reference: string, root: JsonSchema): string | undefined {
  const own = isObject(root) && typeof root['$id'] === 'string' ? root['$id'].split('#')[0] : '';
  const [base = '', fragment = ''] = reference.split('#', 2);
  if (base !== '' && base !== own) return undefined;
  const place = decoded(fragment);
  if (place === undefined || place === '' || place.startsWith('/')) return place;
  return placeOfAnchor(root, place);
}

function decoded(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return undefined;
  }
}

function placeOfAnchor(schema: JsonSchema, anchor: string, at = ''): string | undefined {
  if (isObject(schema) && schema['$anchor'] === anchor) return at;
  for (const { steps, schema: part } of partsOf(schema)) {
    const found = placeOfAnchor(part, anchor, at + steps.map(stepOf).join(''));
    if (found !== undefined) return found;
  }
  return undefined;
}

function stepOf(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** The schema at a JSON pointer; undefined: there is none. */
export function schemaAt(root: JsonSchema, pointer: string): JsonSchema | undefined {
  let value: unknown = root;
  for (const step of pointer.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name))
      return undefined;
    value = Reflect.get(value, name);
  }
  return isSchema(value) ? value : undefined;
}

/**
 * The same schema for a place in another document: references inside it become references to that place. A schema that
 * has an $id resolves its references itself.
 */
export function schemaFor(root: JsonSchema, place: string): JsonSchema {
  return changeSchemas(root, (schema) => {
    if (schema['$id'] !== undefined) return undefined;
    const { $anchor: _, $schema: __, ...rest } = schema;
    const { $ref } = schema;
    const pointer = typeof $ref === 'string' ? pointerOf($ref, root) : undefined;
    if (pointer === undefined) return rest;
    return { ...rest, $ref: `#${(place + pointer).split('/').map(encodeStep).join('/')}` };
  });
}

/** As a part of a URI; what a JSON pointer may have there stays readable. */
function encodeStep(step: string): string {
  return encodeURIComponent(step).replaceAll('%24', '$').replaceAll('%7E', '~');
}
