import type { Ajv2020, ErrorObject } from 'ajv/dist/2020.js';
import type { JsonSchema } from '../domain/json-schema.ts';

/** A place in a value, and the rule of the schema that it breaks. Never the value, which may be personal data. */
export interface SchemaFault {
  /** A JSON pointer into the value; '' is the whole. */
  readonly pointer: string;
  /** In words: "must be number". */
  readonly detail: string;
  /** A JSON pointer into the schema, as a fragment. */
  readonly rule: string;
}

/** A schema that was compiled: it finds the first fault of a value. */
export type CompiledSchema = (value: unknown) => SchemaFault | undefined;

const options = {
  // A keyword that is unknown is a typing error more often than not: "requird" would allow everything.
  strictSchema: true,
  strictTypes: false,
  strictTuples: false,
  // Otherwise every object has the members "constructor" and "toString".
  ownProperties: true,
  // As 2020-12 has it: a format says something to people.
  validateFormats: false,
  // The caller gets the message; nothing is printed.
  logger: false,
  // One fault is enough, and a body cannot make us collect a million.
  allErrors: false,
} as const;

/** The library, and the check of schemas themselves, which takes 0.1 s to make. */
let library: Promise<{ readonly Ajv: typeof Ajv2020; readonly meta: Ajv2020 }> | undefined;

async function load() {
  const { Ajv2020: Ajv } = await import('ajv/dist/2020.js');
  return { Ajv, meta: new Ajv(options) };
}

/**
 * Compiles a JSON Schema (2020-12). The library is loaded by the first schema, because most processes check none.
 *
 * @throws Error when it is no schema; the message says why, in a few words.
 */
export async function compileSchema(schema: JsonSchema): Promise<CompiledSchema> {
  library ??= load();
  const { Ajv, meta } = await library;
  if (meta.validateSchema(schema) !== true) throw new Error(meta.errorsText(meta.errors));
  // One for each schema, because two may have the same $id.
  const ajv = new Ajv({ ...options, validateSchema: false });
  for (const name of extensionsIn(schema)) ajv.addKeyword(name);
  const check = ajv.compile(schema as object | boolean);
  // Such a check would return a promise, which is as good as true, and reject it for nobody.
  if ('$async' in check) throw new Error('unknown keyword: "$async"');
  return (value) => {
    try {
      if (check(value)) return undefined;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return {
        pointer: '',
        detail: 'must not be nested so deep that it cannot be checked',
        rule: '#',
      };
    }
    return faultOf(check.errors?.[0]);
  };
}

/** Keywords of others, such as "x-order". JSON Schema leaves these names to everyone. */
function extensionsIn(schema: JsonSchema): Set<string> {
  return new Set(
    [...JSON.stringify(schema).matchAll(/"(x-[a-zA-Z0-9_$:-]+)":/g)].map(([, name = '']) => name),
  );
}

function faultOf(error: ErrorObject | undefined): SchemaFault {
  const { instancePath = '', message = 'must fit the schema', schemaPath = '#' } = error ?? {};
  return { pointer: instancePath, detail: message, rule: schemaPath };
}
