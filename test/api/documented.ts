import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { z } from 'zod';
import { isCanonicalUuid } from '../../src/domain/uuid.ts';

const content = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) }));
const response = z.object({ $ref: z.string().optional(), content: content.optional() });
const operation = z.looseObject({
  operationId: z.string(),
  requestBody: z
    .object({
      required: z.boolean(),
      content: z.object({
        'application/json': z.object({
          schema: z.record(z.string(), z.unknown()),
          example: z.unknown(),
        }),
      }),
    })
    .optional(),
  responses: z.record(z.string(), response),
});
const openApi = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.looseObject({
    schemas: z.record(z.string(), z.unknown()),
    responses: z.record(z.string(), response),
  }),
});

export type OpenApi = z.infer<typeof openApi>;

/** An OpenAPI document, and what holds answers to it. */
export interface Documented {
  readonly document: OpenApi;
  /** Fails the test when the answer of an operation is not one that the document describes. */
  check(asked: {
    readonly method: string;
    readonly path: string;
    readonly answer: { readonly status: number; readonly headers: Headers; readonly text: string };
  }): void;
  /** What is wrong with a value by a schema of the document; empty: nothing. */
  faultsOf(schema: object, value: unknown): readonly string[];
}

/** Reads an OpenAPI document. Answers may have no members that it does not name. */
export function documentOf(json: unknown): Documented {
  const document = openApi.parse(json);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addFormat('uuid', isCanonicalUuid);
  ajv.addFormat('uri', (text) => URL.canParse(text));
  ajv.addFormat('date-time', (text) => /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text));
  ajv.addSchema({ $id: 'posthorn:', components: closed(document.components) });
  const compiled = new Map<string, ValidateFunction>();
  const faultsOf = (schema: object, value: unknown) => {
    const text = JSON.stringify(schema).replaceAll('"#/', '"posthorn:#/');
    const check = compiled.get(text) ?? ajv.compile(closed(JSON.parse(text)));
    compiled.set(text, check);
    return check(value)
      ? []
      : (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
  return {
    document,
    faultsOf,
    check: ({ method, path, answer }) => {
      const found = operationOf(document, { method, path });
      if (found === undefined || answer.status === 405) return;
      const name = `${found.operationId} answers ${answer.status}`;
      const given = found.responses[answer.status];
      const { $ref } = given ?? {};
      const documented =
        $ref === undefined ? given : document.components.responses[$ref.split('/').at(-1) ?? ''];
      expect(documented, `${name}, which its documentation must name`).toBeDefined();
      if (answer.text === '') return;
      const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
      const schema = documented?.content?.[type]?.schema;
      expect(schema, `${name} with ${type}, which its documentation must name`).toBeDefined();
      if (!type.endsWith('json')) return;
      expect(faultsOf(schema ?? {}, JSON.parse(answer.text)), name).toEqual([]);
    },
  };
}

/** The operation that a request is for; undefined when there is none. */
function operationOf(
  { paths }: OpenApi,
  { method, path: given }: { readonly method: string; readonly path: string },
) {
  const steps = given.split(/[?#]/)[0]?.split('/') ?? [];
  const matches = Object.keys(paths)
    .filter((path) => {
      const wanted = path.split('/');
      return (
        wanted.length === steps.length &&
        wanted.every((step, at) => (step.startsWith('{') && steps[at] !== '') || step === steps[at])
      );
    })
    .toSorted((one, other) => one.split('{').length - other.split('{').length);
  const name = method.toLowerCase();
  return paths[matches[0] ?? '']?.[name === 'head' ? 'get' : name];
}

/** The same schema, by which an object has no members that it does not name. */
function closed(part: unknown): object {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    const walked = Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, walk(member)]),
    );
    const isObject = Reflect.get(value, 'type') === 'object' && 'properties' in value;
    return isObject ? { additionalProperties: false, ...walked } : walked;
  };
  return Object(walk(part));
}
