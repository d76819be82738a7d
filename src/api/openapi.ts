import { z } from 'zod';
import { scopeOf } from '../domain/api-key.ts';
import { canonicalUuid } from '../domain/uuid.ts';
import { id as idField, maxNameBytes } from '../input/fields.ts';
import { type ProblemCode, problemKinds } from '../input/problems.ts';
import type { ParameterSet } from './parameters.ts';
import {
  kindOf,
  openPaths,
  parameterOf,
  type Route,
  type RouteAnswer,
  type RouteBody,
  tags,
} from './route.ts';
import { toldWithoutRead } from './told.ts';

/** A part of the document, as JSON. */
type Part = Readonly<Record<string, unknown>>;

/** The schema of all answers with an error (RFC 9457). */
const problemSchema = z
  .object({
    type: z.string().describe('urn:posthorn:problem: and the name of the problem.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What is wrong, and the rule.'),
    code: z.string().describe('The name of the problem, or a finer one, such as that of a CHECK.'),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional().describe('RFC 6901, into the body.'),
          parameter: z.string().optional(),
          header: z.string().optional(),
          code: z.string(),
          detail: z.string(),
        }),
      )
      .max(20)
      .optional(),
    instance: z.string().describe('The request, which the log names too.'),
  })
  .meta({ id: 'Problem', description: 'What is wrong with a request (RFC 9457).' });

/** The OpenAPI 3.1 document of some routes. */
export function openApiOf(
  routes: readonly Route[],
  { version }: { readonly version: string },
): Part {
  const components = new Components();
  const paths: Record<string, Record<string, Part>> = {};
  for (const route of routes) {
    const operations = paths[route.path] ?? {};
    operations[route.method] = operationOf(route, components);
    paths[route.path] = operations;
  }
  const { schemas, responses } = components;
  return {
    openapi: '3.1.0',
    info: {
      title: 'Posthorn',
      version,
      description:
        'Sends webhooks, publishes events, and manages endpoints and what they subscribe to. Every GET takes HEAD too. Unknown fields and query parameters are refused. Every answer has an X-Request-Id.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas,
      responses,
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          description:
            'An API key, with the scope that the operation names. None is needed as long as none was ever made.',
        },
      },
    },
  };
}

/** Schemas and responses that operations share and refer to. */
class Components {
  readonly schemas: Record<string, unknown> = {};
  readonly responses: Record<string, Part> = {};
  readonly #problem = this.schemaOf(problemSchema, 'output');

  /** A schema as JSON. One with an id becomes a component, and the result refers to it. */
  schemaOf(schema: z.ZodType, io: 'input' | 'output'): unknown {
    const {
      $defs = {},
      $schema: _,
      ...made
    } = z.toJSONSchema(schema, {
      io,
      override: ({ jsonSchema }) => simplify(jsonSchema, io),
    });
    for (const [name, part] of Object.entries($defs)) this.schemas[name] = refer(part);
    const { id } = schema.meta() ?? {};
    if (id === undefined || made.$ref !== undefined) return refer(made);
    this.schemas[id] = refer(made);
    return { $ref: `#/components/schemas/${id}` };
  }

  /** The answer with one of some problems. With one or two problems it is a component, because many operations have it. */
  problemOf(given: readonly ProblemCode[]): Part {
    const codes = given.toSorted();
    const type = { enum: codes.map((code) => `urn:posthorn:problem:${code}`) };
    const response = {
      description: codes.map((code) => `${code}: ${problemKinds[code].title}.`).join(' '),
      content: {
        'application/problem+json': {
          schema: { allOf: [this.#problem, { properties: { type } }] },
        },
      },
    };
    if (codes.length > 2) return response;
    const name = codes.map(inCamelCase).join('Or');
    this.responses[name] = response;
    return { $ref: `#/components/responses/${name}` };
  }
}

function inCamelCase(code: string): string {
  return code.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function operationOf(route: Route, components: Components): Part {
  const { method, path, name, tag, summary, details, body } = route;
  const parameters = parametersOf(route, components);
  const scope = scopeOf({ method: method.toUpperCase(), path });
  return {
    operationId: name,
    tags: [tag],
    summary,
    ...(details === undefined ? {} : { description: details }),
    security: openPaths.has(path) ? [] : [{ apiKey: [scope] }, {}],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestOf(body, components) }),
    responses: responsesOf(route, components),
  };
}

function requestOf({ schema, isOptional, example }: RouteBody, components: Components): Part {
  const content = { schema: components.schemaOf(schema, 'input'), example };
  return { required: !isOptional, content: { 'application/json': content } };
}

function parametersOf({ path, parameters, headers = {} }: Route, components: Components): Part[] {
  const query: ParameterSet = parameters === 'any' || parameters === undefined ? {} : parameters;
  const name = parameterOf(path);
  const ofPath = { name, in: 'path', required: true, description: `Of the ${kindOf(path)}.` };
  const type = name === 'id' ? idField('') : z.string().min(1).max(maxNameBytes);
  return [
    ...(name === undefined ? [] : [{ ...ofPath, schema: components.schemaOf(type, 'input') }]),
    ...Object.entries(query).map(([name, schema]) => ({
      name,
      in: 'query',
      required: !schema.safeParse(undefined).success,
      ...withDescription(components.schemaOf(schema, 'input')),
    })),
    ...Object.entries(headers).map(([name, schema]) => ({
      name,
      in: 'header',
      required: false,
      ...withDescription(components.schemaOf(schema, 'input')),
    })),
  ];
}

/** Moves the description of a parameter out of its schema, where readers of OpenAPI look for it. */
function withDescription(schema: unknown): Part {
  const { description, ...rest } = Object(schema);
  return { description, schema: rest };
}

function responsesOf(route: Route, components: Components): Part {
  const responses: Record<string, Part> = {};
  for (const [status, codes] of Object.entries(problemsOf(route))) {
    responses[status] = components.problemOf(codes);
  }
  for (const [status, answer] of Object.entries(route.answers)) {
    const { description, headers = {} } = answer;
    responses[status] = {
      description,
      headers: headersOf(headers),
      content: contentOf(answer, { components, isAction: route.method !== 'get' }),
    };
  }
  return responses;
}

function contentOf(
  answer: RouteAnswer,
  { components, isAction }: { readonly components: Components; readonly isAction: boolean },
): Part | undefined {
  const { schema, type } = answer;
  if (schema !== null) {
    const whole = components.schemaOf(schema, 'output');
    const part = isAction ? toldWithoutRead(answer) : undefined;
    const either =
      part === undefined ? whole : { anyOf: [whole, components.schemaOf(part, 'output')] };
    return { 'application/json': { schema: either } };
  }
  return type === undefined ? undefined : { [type]: { schema: { type: 'string' } } };
}

function headersOf(headers: Readonly<Record<string, string>>): Part | undefined {
  const entries = Object.entries(headers).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ]);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** The problems of a route, by status. */
function problemsOf(route: Route): Readonly<Record<string, readonly ProblemCode[]>> {
  const codes: readonly ProblemCode[] = [
    ...route.problems,
    ...(route.parameters === 'any' ? [] : (['invalid_parameter'] as const)),
    ...(parameterOf(route.path) !== undefined ? (['invalid_id'] as const) : []),
    ...(route.body === undefined ? [] : bodyProblems),
    ...(route.method === 'get' ? [] : (['cross_origin'] as const)),
    ...(openPaths.has(route.path) ? [] : keyProblems),
    ...commonProblems,
  ];
  return Object.groupBy(new Set(codes), (code) => problemKinds[code].status) as Record<
    string,
    ProblemCode[]
  >;
}

const bodyProblems = [
  'empty_body',
  'invalid_utf8',
  'invalid_json',
  'not_an_object',
  'too_deep',
  'duplicate_key',
  'body_too_large',
  'unsupported_media_type',
  'too_busy',
] as const satisfies readonly ProblemCode[];

const keyProblems = [
  'unauthenticated',
  'insufficient_scope',
  'cross_origin',
  'too_many_requests',
  'database_unavailable',
  'timeout',
] as const satisfies readonly ProblemCode[];

const commonProblems = [
  'invalid_request',
  'request_timeout',
  'headers_too_large',
  'internal_error',
] as const satisfies readonly ProblemCode[];

/**
 * Leaves out what says nothing to people: the bounds of all integers, the pattern of a date, that an answer has no other
 * members, a field that must not be there. A schema that takes null becomes one schema instead of two.
 */
function simplify(jsonSchema: Json, io: 'input' | 'output'): void {
  if (jsonSchema['maximum'] === Number.MAX_SAFE_INTEGER) delete jsonSchema['maximum'];
  if (jsonSchema['minimum'] === Number.MIN_SAFE_INTEGER) delete jsonSchema['minimum'];
  const { format, pattern } = jsonSchema;
  if (format !== undefined && pattern !== canonicalUuid.source) delete jsonSchema['pattern'];
  delete jsonSchema['propertyNames'];
  if (io === 'output' && jsonSchema['additionalProperties'] === false) {
    delete jsonSchema['additionalProperties'];
  }
  for (const [name, { anyOf }] of Object.entries<Json>(Object(jsonSchema['properties']))) {
    if (JSON.stringify(anyOf)?.startsWith('[{"not":{}}'))
      delete Object(jsonSchema['properties'])[name];
  }
  const { anyOf } = jsonSchema;
  const [some, none, ...more] = Array.isArray(anyOf) ? anyOf : [];
  if (none?.type !== 'null' || more.length > 0) return;
  delete some.description;
  if (typeof some.type !== 'string') return;
  delete jsonSchema['anyOf'];
  Object.assign(jsonSchema, some, { type: [some.type, 'null'] });
  if (Array.isArray(some.enum)) jsonSchema['enum'] = [...some.enum, null];
}

type Json = Record<string, unknown>;

function refer(part: unknown): unknown {
  const text = JSON.stringify(part, (key, value) =>
    key === 'id' && typeof value === 'string' ? undefined : value,
  );
  return JSON.parse(text.replaceAll('"#/$defs/', '"#/components/schemas/'));
}
