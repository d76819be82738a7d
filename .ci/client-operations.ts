import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { apiRoutes } from '../src/api/app.ts';
import { openApiOf } from '../src/api/openapi.ts';
import { scopeOf } from '../src/domain/api-key.ts';
import { isObject, type SchemaObject } from '../src/domain/json-schema.ts';
import { commentOf, typeOfSchema } from '../src/domain/schema-types.ts';
import { problemKinds } from '../src/input/problems.ts';

/*
 * Makes src/client/operations.ts: the types of all requests and answers of the API and the table that the client sends requests
 * by. It reads the OpenAPI document, so what the document says and what the client does are the same. The types are written by the
 * same functions as those of "posthorn types"; openapi-typescript needs the compiler's API of TypeScript 5.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const schema = z.record(z.string(), z.unknown());
const content = z.record(z.string(), z.object({ schema }));
const operationShape = z.object({
  operationId: z.string(),
  summary: z.string(),
  description: z.string().default(''),
  parameters: z
    .array(
      z.object({
        name: z.string(),
        in: z.enum(['path', 'query', 'header']),
        required: z.boolean(),
        description: z.string().default(''),
        schema,
      }),
    )
    .default([]),
  requestBody: z.object({ required: z.boolean(), content }).optional(),
  responses: z.record(z.string(), z.object({ content: content.optional() })),
});
const documentShape = z.object({
  paths: z.record(z.string(), z.record(z.string(), operationShape)),
  components: z.object({ schemas: z.record(z.string(), schema) }),
});

type Document = z.infer<typeof documentShape>;

interface Described extends z.infer<typeof operationShape> {
  readonly path: string;
  readonly method: string;
}

/** The text of src/client/operations.ts, formatted. */
export function clientOperations(): string {
  const document = readDocument();
  const operations = Object.entries(document.paths).flatMap(([path, atPath]) =>
    Object.entries(atPath).map(
      ([method, operation]): Described => ({ ...operation, path, method: method.toUpperCase() }),
    ),
  );
  return formatted(
    [
      '// Made by "node .ci/client.ts" from the OpenAPI document. Do not edit it.\n/* biome-ignore-all lint: generated */\n',
      "import type { Operation } from './operation.ts';\n",
      typesOf(operations, document),
      `/** The problems that the API answers with. docs/api.md says what to do about each. */
       export type ProblemName = ${Object.keys(problemKinds)
         .map((name) => `'${name}'`)
         .join(' | ')};\n`,
      `/** How each operation is asked for. */
       export const operations = {
         ${operations.map((operation) => rowOf(operation, document)).join('\n')}
       } as const satisfies Readonly<Record<keyof Operations, Operation>>;\n`,
    ].join('\n'),
  );
}

function readDocument(): Document {
  // Only the description of the routes is used: none of them is called.
  const unused = {} as Parameters<typeof apiRoutes>[0];
  const routes = apiRoutes({
    ...unused,
    scrape: async () => ({ contentType: 'text/plain', text: '' }),
  });
  return documentShape.parse(openApiOf(routes, { version: '0' }));
}

/** The interface Operations, and the types that it refers to. */
function typesOf(operations: readonly Described[], document: Document): string {
  const members = operations.map((operation) => [
    operation.operationId,
    {
      description: [`${operation.summary}.`, operation.description].join('\n'),
      ...objectOf({
        request: requestOf(operation, document),
        answer: answerOf(operation),
        item: pageOf(operation, document)?.item,
      }),
    },
  ]);
  const made = typeOfSchema(
    { ...document, ...objectOf(Object.fromEntries(members)) },
    { prefix: '' },
  );
  const named = made.named.map(([name, text]) => {
    const { description = '' } = document.components.schemas[name] ?? {};
    const comment = commentOf({ description: String(description), isDeprecated: false }, '');
    return `${comment}export type ${name} = ${text};\n`;
  });
  return [
    '/** The request of each operation, its answer, and what a page of a list has many of. */',
    `export interface Operations ${made.text}\n`,
    ...named,
  ].join('\n');
}

/** An object that has these members. Those that are undefined are left out. */
function objectOf(members: Readonly<Record<string, unknown>>): SchemaObject {
  const properties = Object.fromEntries(
    Object.entries(members).filter(([, member]) => member !== undefined),
  );
  return { type: 'object', properties, required: Object.keys(properties) };
}

/** The parameters and the fields of the body together; undefined: there are none. */
function requestOf(operation: Described, document: Document): SchemaObject | undefined {
  const parameters = operation.parameters.filter((parameter) => parameter.in !== 'header');
  const body = bodyOf(operation);
  const fields = Object.keys(Object(resolved(body, document)['properties']));
  const twice = parameters.filter(({ name }) => fields.includes(name)).map(({ name }) => name);
  if (twice.length > 0) {
    throw new Error(`${operation.operationId} has ${twice} as a parameter and as a field`);
  }
  const ofParameters = {
    type: 'object',
    properties: Object.fromEntries(
      parameters.map((one) => [one.name, { ...one.schema, description: one.description }]),
    ),
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
  };
  const parts = [
    ...(parameters.length > 0 ? [ofParameters] : []),
    ...(fields.length > 0 ? [body] : []),
  ];
  return parts.length > 1 ? { allOf: parts } : parts[0];
}

function bodyOf({ requestBody }: Described): SchemaObject {
  return requestBody?.content['application/json']?.schema ?? {};
}

/** What is there for a key that may read; undefined: the answer has no body. */
function answerOf({ responses }: Described): SchemaObject | undefined {
  const answers = Object.values(responses).flatMap(({ content: given = {} }) => {
    if (given['text/plain'] !== undefined) return [{ type: 'string' }];
    const answer = given['application/json']?.schema;
    return answer === undefined ? [] : [wholeOf(answer)];
  });
  const different = new Map(answers.map((answer) => [JSON.stringify(answer), answer]));
  return different.size > 1 ? { anyOf: [...different.values()] } : [...different.values()][0];
}

/** Without the answer to a key that may not read, which is a part of the other. */
function wholeOf(answer: SchemaObject): SchemaObject {
  const parts = Array.isArray(answer['anyOf']) ? answer['anyOf'] : [];
  const left = parts.filter((part) => !String(part.$ref).endsWith('WithoutRead'));
  return left.length === 1 ? left[0] : answer;
}

interface Page {
  /** The member of the answer that has the items. */
  readonly items: string;
  readonly item: SchemaObject;
  /** The member of the answer that says where the next page begins, and the parameter that takes it. */
  readonly next: string;
  readonly from: string;
}

/** How a list is paged; undefined: the operation is none. */
function pageOf(operation: Described, document: Document): Page | undefined {
  const from = ['cursor', 'after'].find((name) =>
    operation.parameters.some((parameter) => parameter.name === name),
  );
  if (from === undefined) return undefined;
  const properties = Object(resolved(answerOf(operation) ?? {}, document)['properties']);
  const lists = Object.entries<SchemaObject>(properties).filter(([, { type }]) => type === 'array');
  const [[items, list] = ['', {}]] = lists;
  const next = `next_${from}`;
  if (lists.length !== 1 || !(next in properties) || !isObject(list['items'])) {
    throw new Error(`The pages of ${operation.operationId} must have one list and ${next}`);
  }
  return { items, item: list['items'], next, from };
}

function resolved(given: SchemaObject, document: Document): SchemaObject {
  const { $ref } = given;
  if (typeof $ref !== 'string') return given;
  return document.components.schemas[$ref.replace('#/components/schemas/', '')] ?? {};
}

/** The row of an operation in the table. */
function rowOf(operation: Described, document: Document): string {
  const { operationId, method, path, responses } = operation;
  const query = operation.parameters.filter((parameter) => parameter.in === 'query');
  if (query.length > 0 && method !== 'GET') {
    throw new Error(`The client cannot send a query with ${method}, as ${operationId} needs`);
  }
  const { item: _, ...page } = pageOf(operation, document) ?? {};
  const also = Object.entries(responses)
    .filter(
      ([status, { content: given = {} }]) => Number(status) > 299 && 'application/json' in given,
    )
    .map(([status]) => Number(status));
  const isText = Object.values(responses).some(({ content: given = {} }) => 'text/plain' in given);
  const row = {
    method,
    path,
    ...(scopeOf({ method, path }) === 'read' || method === 'PUT' ? { mayRepeat: true } : {}),
    ...keysOf(operation, document),
    ...(Object.keys(page).length > 0 ? { page } : {}),
    ...(also.length > 0 ? { alsoAnswers: also } : {}),
    ...(isText ? { isText } : {}),
  };
  return `${operationId}: ${JSON.stringify(row)},`;
}

/** Where an operation takes idempotency keys. */
function keysOf(
  operation: Described,
  document: Document,
): { readonly keys?: 'one' | 'each event' } {
  if (operation.parameters.some(({ name }) => name === 'Idempotency-Key')) return { keys: 'one' };
  const { events } = Object(resolved(bodyOf(operation), document)['properties']);
  const item = resolved(Object(Object(events).items), document);
  return 'idempotency_key' in Object(item['properties']) ? { keys: 'each event' } : {};
}

function formatted(text: string): string {
  const place = 'src/client/operations.ts';
  const { stdout, stderr, status } = spawnSync(
    'node_modules/.bin/biome',
    ['format', `--stdin-file-path=${place}`],
    { cwd: root, input: text, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`biome cannot format ${place}: ${stderr}`);
  return stdout;
}
