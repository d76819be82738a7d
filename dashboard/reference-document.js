// Pure: what the page "API" shows of an OpenAPI 3.1 document.

const methods = ['get', 'post', 'put', 'patch', 'delete', 'head'];

/**
 * @typedef {Record<string, any>} Document as parsed; of any shape, so that nothing in it is taken for granted
 * @typedef {Record<string, any>} Schema
 * @typedef {{ name: string, place: string, isRequired: boolean, isRepeated: boolean, description: string, schema: Schema, example: unknown }} Parameter
 * @typedef {{ name: string, text: string }} Example
 * @typedef {{ type: string, schema: Schema | undefined, examples: Example[] }} Content
 * @typedef {{ status: string, description: string, headers: string[], contents: Content[] }} Answer
 * @typedef {{ name: string, description: string }} Tag
 * @typedef {{
 *   id: string, method: string, path: string, tag: string, summary: string, description: string, scope: string, isPublic: boolean,
 *   isDeprecated: boolean, isSent: boolean, parameters: Parameter[],
 *   body: { isRequired: boolean, description: string, contents: Content[] } | undefined, answers: Answer[], text: string
 * }} Operation
 */

/**
 * All operations in the order of the document's tags; what Posthorn itself sends (`webhooks`) comes last.
 *
 * @param {Document} document @returns {Operation[]}
 */
export function operationsOf(document) {
  /** @param {Record<string, any> | undefined} paths @param {boolean} isSent @returns {Operation[]} */
  const of = (paths, isSent) =>
    Object.entries(paths ?? {}).flatMap(([path, item]) => {
      const found = resolve(document, item);
      return methods
        .filter((method) => found[method] !== undefined)
        .map((method) => operationOf(document, { path, method, item: found, isSent }));
    });
  const all = [...of(document.paths, false), ...of(document.webhooks, true)];
  const tags = tagsOf(document, all).map(({ name }) => name);
  return all.toSorted((a, b) => tags.indexOf(a.tag) - tags.indexOf(b.tag));
}

/** @param {Document} document @param {Operation[]} operations @returns {Tag[]} */
export function tagsOf(document, operations) {
  /** @type {Tag[]} */
  const named = (document.tags ?? []).map(
    (/** @type {Record<string, any>} */ { name, description = '' }) => ({ name, description }),
  );
  const others = new Set(operations.map(({ tag }) => tag));
  for (const { name } of named) others.delete(name);
  return [...named, ...[...others].map((name) => ({ name, description: '' }))];
}

/** @param {Document} document @param {{ path: string, method: string, item: Schema, isSent: boolean }} place @returns {Operation} */
function operationOf(document, { path, method, item, isSent }) {
  const operation = item[method];
  const {
    operationId: id = `${method}-${path.replaceAll(/\W+/g, '-')}`,
    summary = path,
    description = '',
    tags = ['Other'],
    deprecated = false,
  } = operation;
  const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((each) =>
    parameterOf(document, each),
  );
  const body =
    operation.requestBody === undefined ? undefined : resolve(document, operation.requestBody);
  const security = operation.security ?? document.security ?? [];
  const scopes = security.flatMap((/** @type {object} */ way) => Object.values(way).flat());
  const scope = operation['x-scope'] ?? scopes[0] ?? '';
  return {
    id,
    method: method.toUpperCase(),
    path,
    tag: tags[0] ?? 'Other',
    summary,
    description,
    scope,
    isPublic: scope === '' && security.length === 0,
    isDeprecated: deprecated,
    isSent,
    parameters,
    body:
      body === undefined
        ? undefined
        : {
            isRequired: body.required === true,
            description: body.description ?? '',
            contents: contentsOf(document, body.content),
          },
    answers: Object.entries(operation.responses ?? {}).map(([status, answer]) =>
      answerOf(document, { status, answer }),
    ),
    text: [id, method, path, summary, description, tags[0], ...parameters.map(({ name }) => name)]
      .join(' ')
      .toLowerCase(),
  };
}

/** @param {Document} document @param {unknown} given @returns {Parameter} */
function parameterOf(document, given) {
  const {
    name,
    in: place,
    required = false,
    description,
    schema = {},
    ...rest
  } = resolve(document, given);
  const found = resolve(document, schema);
  return {
    name,
    place,
    isRequired: required,
    // a=1&a=2, and not a=1,2
    isRepeated: [found.type].flat().includes('array') && rest.explode !== false,
    description: description ?? found.description ?? '',
    schema: { ...found, description: undefined },
    example: rest.example ?? Object.values(rest.examples ?? {})[0]?.value ?? exampleOf(found),
  };
}

/** @param {Document} document @param {{ status: string, answer: unknown }} given @returns {Answer} */
function answerOf(document, { status, answer }) {
  const found = resolve(document, answer);
  return {
    status,
    description: found.description ?? '',
    headers: Object.keys(found.headers ?? {}),
    contents: contentsOf(document, found.content),
  };
}

/** @param {Document} document @param {Record<string, any> | undefined} content @returns {Content[]} */
function contentsOf(document, content) {
  return Object.entries(content ?? {}).map(([type, { schema, example, examples }]) => {
    const named = Object.entries(examples ?? {}).map(([name, given]) => {
      const { summary, value } = resolve(document, given);
      return { name: summary ?? name, text: textOf(value) };
    });
    const made = example ?? (schema === undefined ? undefined : sample(document, schema));
    return {
      type,
      schema,
      examples:
        named.length > 0 || made === undefined ? named : [{ name: 'Example', text: textOf(made) }],
    };
  });
}

/** @param {unknown} value */
const textOf = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

/**
 * The object that a reference points at, with the members beside the reference; the parts of an allOf are merged.
 *
 * @param {Document} document @param {unknown} value @returns {Schema}
 */
export function resolve(document, value, depth = 0) {
  if (value === null || typeof value !== 'object' || depth > 20) return {};
  const { $ref, allOf, ...own } = /** @type {Schema} */ (value);
  /** @type {Schema} */
  let found = own;
  if (typeof $ref === 'string') {
    found = { ...resolve(document, pointedAt(document, $ref), depth + 1), ...own };
  }
  if (!Array.isArray(allOf)) return found;
  const parts = [...allOf.map((part) => resolve(document, part, depth + 1)), found];
  return Object.assign({}, ...parts, {
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
    required: parts.flatMap(({ required = [] }) => required),
  });
}

/** @param {Document} document @param {string} pointer @returns {unknown} */
function pointedAt(document, pointer) {
  return pointer
    .replace(/^#\//, '')
    .split('/')
    .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce(
      (/** @type {any} */ at, step) => (Object.hasOwn(Object(at), step) ? at[step] : undefined),
      document,
    );
}

/** @param {Schema} schema */
function exampleOf(schema) {
  return schema.example ?? schema.examples?.[0] ?? schema.const ?? schema.default;
}

/** A value that a schema allows: its example, or one that is made up. @param {Document} document @param {unknown} given @returns {unknown} */
function sample(document, given, depth = 0) {
  const schema = resolve(document, given);
  const example = exampleOf(schema);
  if (example !== undefined) return example;
  if (schema.enum !== undefined) return schema.enum[0];
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice !== undefined) return sample(document, choice[0], depth + 1);
  const [type] = [schema.type].flat();
  if (schema.properties !== undefined || type === 'object') {
    if (depth > 5) return {};
    return Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([name, each]) => [
        name,
        sample(document, each, depth + 1),
      ]),
    );
  }
  if (type === 'array') return depth > 5 ? [] : [sample(document, schema.items ?? {}, depth + 1)];
  if (type === 'integer' || type === 'number') return schema.minimum ?? 0;
  if (type === 'boolean') return false;
  return type === 'string' ? '…' : null;
}

/**
 * The fields of a schema, with the fields of objects within it below them.
 *
 * @param {Document} document @param {Schema | undefined} given
 * @returns {{ name: string, depth: number, isRequired: boolean, schema: Schema }[]}
 */
export function fieldsOf(document, given, depth = 0) {
  const schema = resolve(document, given);
  const inner = [
    schema,
    ...(schema.oneOf ?? schema.anyOf ?? []).map((/** @type {unknown} */ each) =>
      resolve(document, each),
    ),
  ];
  const rows = inner.flatMap(({ properties = {}, required = [] }) =>
    Object.entries(properties).flatMap(([name, each]) => {
      const found = resolve(document, each);
      const below = depth >= 3 ? [] : fieldsOf(document, within(document, found), depth + 1);
      return [{ name, depth, isRequired: required.includes(name), schema: found }, ...below];
    }),
  );
  return rows.filter(
    (row, at) =>
      row.depth !== depth ||
      rows.findIndex(({ name, depth: other }) => name === row.name && other === depth) === at,
  );
}

/** The schema whose fields are shown below a field: its own, or that of the entries of a list or a map. @param {Document} document @param {Schema} schema @returns {Schema} */
function within(document, schema) {
  if (schema.items !== undefined) return resolve(document, schema.items);
  const others = schema.additionalProperties;
  if (schema.properties === undefined && typeof others === 'object') return others;
  return schema;
}

/** The type in words. @param {Document} document @param {Schema} given @returns {string} */
export function typeOf(document, given) {
  const schema = resolve(document, given);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined)
    return schema.enum.map((/** @type {unknown} */ each) => JSON.stringify(each)).join(' or ');
  const choice = schema.oneOf ?? schema.anyOf;
  // Choices below a type only narrow it, such as a length that depends on the characters.
  if (choice !== undefined && schema.type === undefined) {
    const types = choice.map((/** @type {Schema} */ each) => typeOf(document, each));
    return [...new Set(types)].join(' or ');
  }
  const types = [schema.type ?? (schema.properties === undefined ? 'any JSON' : 'object')].flat();
  return types
    .map((type) => {
      if (type === 'array' && schema.items !== undefined) {
        return `list of ${typeOf(document, schema.items)}`;
      }
      return type === 'string' && schema.format !== undefined ? `string (${schema.format})` : type;
    })
    .join(' or ');
}

/** The rules that a value must keep, in words. @param {Schema} schema @returns {string[]} */
export function rulesOf(schema) {
  return [
    range(schema.minimum, schema.maximum, ''),
    range(schema.minLength || undefined, schema.maxLength, ' characters'),
    range(schema.minItems, schema.maxItems, ' entries'),
    range(schema.minProperties, schema.maxProperties, ' fields'),
    schema.exclusiveMinimum === undefined ? '' : `more than ${schema.exclusiveMinimum}`,
    schema.exclusiveMaximum === undefined ? '' : `less than ${schema.exclusiveMaximum}`,
    schema.multipleOf === undefined ? '' : `a multiple of ${schema.multipleOf}`,
    schema.uniqueItems === true ? 'no duplicates' : '',
    schema.pattern === undefined ? '' : `matches ${schema.pattern}`,
  ].filter((rule) => rule !== '');
}

/** @param {number | undefined} least @param {number | undefined} most @param {string} unit */
function range(least, most, unit) {
  if (least === undefined && most === undefined) return '';
  if (least === undefined) return `at most ${most}${unit}`;
  return most === undefined ? `at least ${least}${unit}` : `${least} to ${most}${unit}`;
}
