import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { declarationsOf } from '../../src/catalogue/type-declarations.ts';
import type { JsonSchema } from '../../src/domain/json-schema.ts';
import { samples } from './schema-samples.ts';

// The types by the judge that counts: the compiler.

const root = fileURLToPath(new URL('../..', import.meta.url));
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'posthorn-types-'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** What the compiler says about a program beside the declarations; empty: nothing. */
async function compile(declarations: string, program: string): Promise<string> {
  await writeFile(join(directory, 'posthorn-events.d.ts'), declarations);
  await writeFile(join(directory, 'program.ts'), program);
  const config = {
    compilerOptions: { strict: true, noEmit: true, module: 'nodenext', types: [] },
    files: ['posthorn-events.d.ts', 'program.ts'],
  };
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/.bin/tsc');
  return promisify(execFile)(tsc, ['-p', directory]).then(
    ({ stdout }) => stdout,
    ({ stdout }) => stdout,
  );
}

const opening = `import type { PosthornEvents as E } from './posthorn-events.d.ts';
function take<Type extends keyof E>(_type: Type, _body: E[Type]): void {}
interface Money { amount: number; currency: 'EUR' }
declare const money: Money;
declare const list: readonly string[];
`;

const right = [
  `take('order.paid', { order: 1, total: { amount: 1, currency: 'EUR' } });`,
  `take('order.paid', { order: 1, total: money, lines: [{ sku: 'A', price: money }], note: null });`,
  `take('order.paid', { order: 1, total: money, lines: [{ sku: 'A', price: 1 }], state: 3 });`,
  `take('order.paid', { order: 1, total: money, 'x-y z': 'a@b' });`,
  `take('tree.grown', { value: list, children: [{ value: 1, children: [] }], parent: [{ value: 2 }] });`,
  `take('Point_moved-2', [1, 2]);`,
  `take('Point_moved-2', [1, 2, 'x']);`,
  `take('any.thing', list);`,
];

const wrong = [
  `take('order.payed', {});`,
  `take('order.paid', {});`,
  `take('order.paid', { order: '1', total: money });`,
  `take('order.paid', { order: 1, total: { amount: 1, currency: 'USD' } });`,
  `take('order.paid', { order: 1, total: money, totl: 1 });`,
  `take('order.paid', { order: 1, total: money, lines: [{}] });`,
  `take('order.paid', { order: 1, total: money, lines: [{ sku: 'A', price: 'free' }] });`,
  `take('order.paid', { order: 1, total: money, state: 'lost' });`,
  `take('tree.grown', { value: 1, children: [{ value: 1, children: [{}] }] });`,
  `take('tree.grown', { value: 1, parent: [{}] });`,
  `take('Point_moved-2', [1]);`,
  `take('Point_moved-2', [1, 2, 3]);`,
  `take('Point_moved-2', [1, 2, 'x', 4]);`,
  `take('no.thing', {});`,
];

it('let the compiler accept right bodies and refuse wrong ones', async () => {
  const program = [opening, ...right, ...wrong.map((line) => `// @ts-expect-error\n${line}`)];
  expect(await compile(declarationsOf(samples), program.join('\n'))).toBe('');
});

it('make the compiler say which body is wrong', async () => {
  const said = await compile(declarationsOf(samples), [opening, right[0], wrong[2]].join('\n'));
  expect(said).toMatch(/program\.ts\(8,22\): error TS2322: Type 'string' is not assignable/);
});

it('carry what people say about an event type', () => {
  const text = declarationsOf(samples);
  expect(text).toContain(
    '   * An order was paid.\n   * It is published once, *\\/ and not again.\n',
  );
  expect(text).toContain('    /** The number of the order. */\n    order: number;\n');
  expect(text).toContain('  /** @deprecated */\n  "tree.grown": ');
});

it('of no event types are an interface without members', () => {
  expect(declarationsOf([])).toContain('export interface PosthornEvents {}\n');
});

it('compile for schemas that refer to themselves or to nothing', async () => {
  const schemas: readonly JsonSchema[] = [
    { $ref: '#' },
    { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' },
    {
      anyOf: [{ type: 'object', properties: { x: { $ref: '#/$defs/b' } } }, { $ref: '#/$defs/b' }],
      $defs: { b: { anyOf: [{ $ref: '#' }, { type: 'number' }] } },
    },
    { $ref: '#/$defs/a' },
    { title: 'x', $ref: '#/title' },
    { $ref: 'https://shop.example/other' },
    { $ref: '#other' },
    { $ref: '#/%' },
  ];
  const types = schemas.map((schema, at) => ({
    name: `t${at}`,
    description: '',
    schema,
    deprecated: false,
  }));
  const text = declarationsOf(types);
  for (const at of [3, 4, 5, 6, 7]) expect(text).toContain(`t${at}: unknown;`);
  expect(await compile(text, `import type {} from './posthorn-events.d.ts';`)).toBe('');
});

it('of two event types with similar names do not get into each other', async () => {
  const schema = { $defs: { a: { type: 'string' } }, properties: { x: { $ref: '#/$defs/a' } } };
  const types = ['a.b', 'a_b', 'A-b', 'a.b2'].map((name, at) => ({
    name,
    description: '',
    schema: at % 2 === 0 ? schema : { ...schema, $defs: { a: { type: 'number' } } },
    deprecated: false,
  }));
  const program = `${opening.split('\n').slice(0, 2).join('\n')}
take('a.b', { x: 's' }); take('A-b', { x: 's' }); take('a_b', { x: 1 }); take('a.b2', { x: 1 });`;
  expect(await compile(declarationsOf(types), program)).toBe('');
});

/** A schema, and values that fit it. */
interface Pair {
  readonly schema: Record<string, unknown>;
  readonly values: readonly unknown[];
}

const names = fc.constantFrom('a', 'b', 'c d', '__proto__', 'constructor', '1', 'ü');

/** Schemas of all kinds that a type can express, with values made along with them. */
const pairs = fc.letrec<{ pair: Pair }>((tie) => ({
  pair: fc.oneof(
    { maxDepth: 3 },
    fc.constant({ schema: { type: 'string', minLength: 1 }, values: ['x', 'y'] }),
    fc.constant({ schema: { type: ['integer', 'null'] }, values: [7, null] }),
    fc.constant({ schema: { type: 'boolean' }, values: [true, false] }),
    fc.constant({ schema: { const: { deep: [1, 'a', {}] } }, values: [{ deep: [1, 'a', {}] }] }),
    fc.constant({ schema: {}, values: [1, 'x', [null], { x: 1 }] }),
    fc
      .uniqueArray(fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true })), {
        minLength: 1,
      })
      .map((among) => ({
        schema: { enum: among.map((one) => (Object.is(one, -0) ? 0 : one)) },
        values: among.map((one) => (Object.is(one, -0) ? 0 : one)),
      })),
    fc.tuple(tie('pair'), fc.nat(2)).map(([{ schema, values }, count]) => ({
      schema: { type: 'array', items: schema },
      values: [[], values.slice(0, count)],
    })),
    fc.tuple(tie('pair'), tie('pair')).map(([one, other]) => ({
      schema: { type: 'array', prefixItems: [one.schema, other.schema], minItems: 1 },
      values: [
        [one.values[0]],
        [one.values[0], other.values[0]],
        [one.values[0], other.values[0], 'more'],
      ],
    })),
    fc.tuple(tie('pair'), tie('pair')).map(([one, other]) => ({
      schema: { anyOf: [one.schema, other.schema] },
      values: [one.values[0], other.values[0]],
    })),
    fc.tuple(tie('pair'), names, tie('pair'), names).map(([one, name, other, second]) => ({
      schema: {
        type: 'object',
        properties: Object.fromEntries([
          [second, other.schema],
          [name, one.schema],
        ]),
        required: [name],
      },
      values: [
        Object.fromEntries([[name, one.values[0]]]),
        Object.fromEntries([
          ...(second === name ? [] : [[second, other.values[0]]]),
          [name, one.values.at(-1)],
        ]),
      ],
    })),
    tie('pair').map(({ schema, values }) => ({
      schema: { type: 'object', additionalProperties: schema },
      values: [{}, { k: values[0] }],
    })),
    tie('pair').map(({ schema, values }) => ({
      schema: { allOf: [{ type: 'object', required: ['k'] }, { properties: { k: schema } }] },
      values: [{ k: values[0] }],
    })),
  ),
})).pair;

it('accept every body that fits its schema', async () => {
  const made = fc.sample(pairs, { numRuns: 150, seed: 20_301_201 });
  const types = made.map(({ schema, values }, at) => {
    const check = new Ajv2020({ strict: false, ownProperties: true }).compile(schema);
    const faults = values.flatMap((value) =>
      check(value) ? [] : [JSON.stringify({ schema, value })],
    );
    expect(faults).toEqual([]);
    return { name: `t${at}`, description: '', schema, deprecated: false };
  });
  const lines = made.flatMap(({ values }, at) =>
    values.map((value) => `take('t${at}', ${JSON.stringify(value)});`),
  );
  const program = [...opening.split('\n').slice(0, 2), ...lines].join('\n');
  expect(await compile(declarationsOf(types), program)).toBe('');
});
