// Pure: no I/O, no clock, no randomness.

/** A JSON Schema without references. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly format?: string;
  readonly default?: unknown;
  readonly example?: unknown;
  readonly examples?: readonly unknown[];
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Schema;
  readonly examples: readonly unknown[];
}

export interface RequestBody {
  readonly required: boolean;
  readonly schema: Schema;
  readonly examples: readonly unknown[];
}

/** What one status is answered with; without a schema it is no JSON. */
export interface DocumentedAnswer {
  readonly schema: Schema | undefined;
}

/** A method of a path, as the document has it. */
export interface Operation {
  /** As in "POST /webhooks/send". */
  readonly name: string;
  readonly method: string;
  /** With {parameters}. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: RequestBody | undefined;
  /** By status, or "default". */
  readonly answers: ReadonlyMap<string, DocumentedAnswer>;
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads an OpenAPI 3.1 document: every operation, its references resolved.
 *
 * @throws when it has no paths or a reference leads nowhere.
 */
export function readDocument(document: unknown): readonly Operation[] {
  const { paths } = asObject(document);
  const operations = Object.entries(asObject(paths)).flatMap(([path, item]) => {
    const resolved = asObject(withoutReferences(item, { document, within: [] }));
    return methods
      .filter((method) => resolved[method] !== undefined)
      .map((method) => readOperation(asObject(resolved[method]), { path, method, item: resolved }));
  });
  if (operations.length === 0) throw new TypeError('Cannot read the document as it has no paths');
  return operations;
}

function readOperation(
  operation: Json,
  { path, method, item }: { readonly path: string; readonly method: string; readonly item: Json },
): Operation {
  const parameters = [...asList(item['parameters']), ...asList(operation['parameters'])];
  return {
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    path,
    parameters: parameters.map(readParameter),
    body: readBody(operation['requestBody']),
    answers: new Map(
      Object.entries(asObject(operation['responses'])).map(([status, answer]) => [
        status,
        { schema: mediaOf(answer)?.schema },
      ]),
    ),
  };
}

function readParameter(value: unknown): Parameter {
  const parameter = asObject(value);
  return {
    name: String(parameter['name']),
    in: String(parameter['in']),
    required: parameter['required'] === true,
    schema: asObject(parameter['schema']),
    examples: examplesOf(parameter),
  };
}

function readBody(value: unknown): RequestBody | undefined {
  const media = mediaOf(value);
  if (media === undefined) return undefined;
  return { ...media, required: asObject(value)['required'] === true };
}

/** The first kind of JSON in "content". */
function mediaOf(
  value: unknown,
): { readonly schema: Schema; readonly examples: readonly unknown[] } | undefined {
  const media = Object.entries(asObject(asObject(value)['content'])).find(([type]) =>
    /[/+]json\b/.test(type),
  )?.[1];
  if (media === undefined) return undefined;
  const { schema } = asObject(media);
  return { schema: asObject(schema), examples: examplesOf(asObject(media)) };
}

/** Those beside a schema, and those in it. */
function examplesOf(holder: Json): readonly unknown[] {
  const named = Object.values(asObject(holder['examples'])).map((one) => asObject(one)['value']);
  const schema: Schema = asObject(holder['schema']);
  const single = [holder['example'], schema.example].filter((value) => value !== undefined);
  return [...named, ...single, ...(schema.examples ?? [])];
}

/** A schema that holds itself ends in one that allows anything. */
function withoutReferences(
  node: unknown,
  { document, within }: { readonly document: unknown; readonly within: readonly string[] },
): unknown {
  if (Array.isArray(node)) return node.map((item) => withoutReferences(item, { document, within }));
  if (typeof node !== 'object' || node === null) return node;
  const reference: unknown = Reflect.get(node, '$ref');
  if (typeof reference !== 'string') {
    return Object.fromEntries(
      Object.entries(node).map(([name, value]) => [
        name,
        withoutReferences(value, { document, within }),
      ]),
    );
  }
  if (within.includes(reference)) return {};
  const target = follow(reference, document);
  return withoutReferences(target, { document, within: [...within, reference] });
}

function follow(reference: string, document: unknown): unknown {
  let node: unknown = document;
  for (const step of reference.replace(/^#\//, '').split('/')) {
    node = asObject(node)[step.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  if (node === undefined) {
    throw new TypeError(`Cannot read the document as ${reference} must be in it: it is not`);
  }
  return node;
}

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
