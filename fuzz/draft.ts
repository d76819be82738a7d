// Pure: no I/O, no clock, no randomness.

import type { Random } from '../harness/random.ts';
import type { Operation, Schema } from './document.ts';
import type { Known } from './known.ts';
import { type Tree, treeOf, write } from './tree.ts';
import { validValue } from './valid.ts';

/** A request in the making. Paths, pieces of the query and headers are sent as they are, one byte for each character. */
export interface Draft {
  readonly operation: Operation;
  method: string;
  path: string;
  query: string[];
  headers: [name: string, value: string][];
  body: Tree | undefined;
  /** What is done to the bytes of the body, in order. */
  bodyEdits: ((body: Buffer) => Buffer)[];
  /** How the end of the body is told; "own": a header among the others does, or nothing. */
  framing: 'length' | 'chunked' | 'own';
  /** What is done to the line and the headers as text. */
  headEdits: ((head: string) => string)[];
  /** On a connection of its own: what follows on it could be taken for a part of this. */
  isAlone: boolean;
  /** Nothing comes after it though more was promised: there may be no answer. */
  isCut: boolean;
}

/** What goes over the wire. */
export interface RequestBytes {
  readonly bytes: Buffer;
  /** As it is in the request line. */
  readonly method: string;
  readonly target: string;
  readonly isAlone: boolean;
  readonly isCut: boolean;
}

/** A request that the document allows, with ids that are there. */
export function validDraft(
  operation: Operation,
  { random, known }: { readonly random: Random; readonly known: Known },
): Draft {
  const context = { random, known, path: operation.path };
  const madeUp = (name: string, schema: Schema) => validValue(schema, { ...context, name });
  const path = operation.path.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const schema = operation.parameters.find(
      (one) => one.in === 'path' && one.name === name,
    )?.schema;
    return encodeURIComponent(String(madeUp(name, { format: 'uuid', ...schema })));
  });
  const query = operation.parameters
    .filter((one) => one.in === 'query' && (one.required || random.next() < 0.3))
    .map(({ name, schema, examples }) => {
      const value =
        examples.length > 0 && name !== 'cursor' ? random.pick(examples) : madeUp(name, schema);
      return `${encodeURIComponent(name)}=${encodeURIComponent([value].flat().join(','))}`;
    });
  const headers = operation.parameters
    .filter((one) => one.in === 'header' && one.name.toLowerCase() !== 'authorization')
    .filter((one) => one.required || random.next() < 0.3)
    .map((one): [string, string] => [one.name, String(madeUp(one.name, one.schema))]);
  const { body } = operation;
  const hasBody = body !== undefined && (body.required || random.next() < 0.6);
  return {
    operation,
    method: operation.method,
    path,
    query,
    headers: [
      ['Host', '127.0.0.1'],
      ['Authorization', `Bearer ${known.keys.all}`],
      ...(hasBody ? [['Content-Type', 'application/json'] satisfies [string, string]] : []),
      ...headers,
    ],
    body: hasBody ? validBody(body, context) : undefined,
    bodyEdits: [],
    framing: 'length',
    headEdits: [],
    isAlone: false,
    isCut: false,
  };
}

/** Half of them as in the examples, as these know what no schema can say; what is to be secret is put in. */
function validBody(
  { schema, examples }: NonNullable<Operation['body']>,
  context: { readonly random: Random; readonly known: Known; readonly path: string },
): Tree {
  const { random } = context;
  if (examples.length === 0 || random.next() < 0.5) {
    return treeOf(validValue(schema, { ...context, name: '' }));
  }
  const adapted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(adapted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => {
        const isOurs = /^(endpoint_id|secret|idempotency_key|headers|body|ids)$/.test(name);
        if (!isOurs) return [name, adapted(one)];
        const items =
          name === 'ids' ? { items: { format: 'uuid' }, type: 'array', minItems: 1 } : {};
        return [name, validValue(items, { ...context, name })];
      }),
    );
  };
  return treeOf(adapted(random.pick(examples)));
}

/** The bytes of a draft. */
export function toBytes(draft: Draft): RequestBytes {
  const whole = draft.body === undefined ? Buffer.alloc(0) : Buffer.from(write(draft.body));
  const body = draft.bodyEdits.reduce<Buffer>((bytes, edit) => edit(bytes), whole);
  const target = draft.path + (draft.query.length === 0 ? '' : `?${draft.query.join('&')}`);
  const headers = [...draft.headers];
  if (draft.framing === 'length' && (body.length > 0 || draft.body !== undefined)) {
    headers.push(['Content-Length', String(body.length)]);
  } else if (draft.framing === 'chunked') {
    headers.push(['Transfer-Encoding', 'chunked']);
  }
  if (draft.isAlone) headers.push(['Connection', 'close']);
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = draft.headEdits.reduce(
    (text, edit) => edit(text),
    `${draft.method} ${target} HTTP/1.1\r\n${lines}\r\n`,
  );
  return {
    bytes: Buffer.concat([
      Buffer.from(head, 'latin1'),
      draft.framing === 'chunked' ? chunked(body) : body,
    ]),
    method: draft.method,
    target,
    isAlone: draft.isAlone,
    isCut: draft.isCut || lacksBytes(headers, body),
  };
}

/** Less than was announced: two mutations together may do that, and the subject waits for the rest. */
function lacksBytes(headers: readonly (readonly [string, string])[], body: Buffer): boolean {
  const announced = headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1];
  return /^\d+$/.test(announced ?? '') && Number(announced) > body.length;
}

function chunked(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  const size = Math.max(1, Math.ceil(body.length / 3));
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.subarray(at, at + size);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}
