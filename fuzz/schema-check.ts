import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Operation } from './document.ts';
import type { SchemaCheck } from './judge.ts';

/** Holds answers to the schemas of the document. */
export function createSchemaCheck(): SchemaCheck {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const compiled = new Map<string, ValidateFunction>();
  return (operation: Operation, { status, json }) => {
    const schema = (operation.answers.get(String(status)) ?? operation.answers.get('default'))
      ?.schema;
    if (schema === undefined) return undefined;
    const key = `${operation.name} ${status}`;
    const validate = compiled.get(key) ?? ajv.compile(schema);
    compiled.set(key, validate);
    if (validate(json)) return undefined;
    const [first] = validate.errors ?? [];
    return `${first?.instancePath ?? ''} ${first?.message ?? 'is not as documented'}`;
  };
}
