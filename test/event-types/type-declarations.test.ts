import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { compileSchema } from '../../src/catalogue/compiled-schema.ts';
import { declarationsOf } from '../../src/catalogue/type-declarations.ts';
import type { JsonSchema } from '../../src/domain/json-schema.ts';
import { samples } from './schema-samples.ts';

// The types by the judge that counts: the compiler.

const root = fileURLToPath(new URL('../..', import.meta.url));

/** An event type with a schema, about which nobody says anything. */
const typeOf = (name: string, schema: JsonSchema) => ({
  name,
  description: '',
  schema,
  deprecated: false,
});

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

/** Programs that publish, by the name of the right or the wrong thing in them. */
const publishing = [
  `import type { publish, publishMany, Transaction } from '${root}src/producer/index.ts';
import type { PosthornEvents as E } from './posthorn-events.d.ts';
declare const client: Transaction;
declare const send: typeof publish;
declare const sendMany: typeof publishMany;`,
  `send<E>(client, { eventType: 'Point_moved-2', body: [1, 2], tenant: 'acme', priority: 'low' });`,
  `send<E>(client, { eventType: 'tree.grown', body: { value: 1 } });`,
  `send<E>(client, { eventType: 'any.thing', body: 'sent as it is' });`,
  `send(client, { eventType: 'order.paid', body: { anything: 1 } });`,
  `sendMany<E>(client, [{ eventType: 'tree.grown', body: { value: 1 } }, { eventType: 'any.thing', body: [] }]);`,
  ...[
    `send<E>(client, { eventType: 'tree.grown', body: [1, 2] });`,
    `send<E>(client, { eventType: 'tree.grown', body: { valeu: 1 } });`,
    `send<E>(client, { eventType: 'tree.shrunk', body: { value: 1 } });`,
    `send<E>(client, { eventType: 'tree.grown', body: '{"value":1}' });`,
    `send<E>(client, { eventType: 'tree.grown', body: { value: 1 }, priorty: 'low' });`,
    `send(client, { eventType: 'order.paid' });`,
    `sendMany<E>(client, [{ eventType: 'tree.grown', body: { valeu: 1 } }]);`,
  ].map((line) => `// @ts-expect-error\n${line}`),
];

/** Schemas that refer to themselves, and the last five, which refer to nothing. */
const circles: readonly JsonSchema[] = [
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

const made = fc.sample(pairs, { numRuns: 150, seed: 20_301_201 });

/** Each program, and the event types of which it uses the declarations. */
const programs = {
  right: [samples, [opening, ...right]],
  wrong: [samples, [opening, ...wrong.map((line) => `// @ts-expect-error\n${line}`)]],
  faulty: [samples, [opening, wrong[2] ?? '']],
  publishing: [samples, publishing],
  circles: [circles.map((schema, at) => typeOf(`t${at}`, schema)), [opening]],
  similar: [
    ['a.b', 'a_b', 'A-b', 'a.b2'].map((name, at) =>
      typeOf(name, {
        $defs: { a: { type: at % 2 === 0 ? 'string' : 'number' } },
        properties: { x: { $ref: '#/$defs/a' } },
      }),
    ),
    [
      opening,
      `take('a.b', { x: 's' }); take('A-b', { x: 's' }); take('a_b', { x: 1 }); take('a.b2', { x: 1 });`,
    ],
  ],
  made: [
    made.map(({ schema }, at) => typeOf(`t${at}`, schema)),
    [
      opening,
      ...made.flatMap(({ values }, at) =>
        values.map((value) => `take('t${at}', ${JSON.stringify(value)});`),
      ),
    ],
  ],
} as const satisfies Readonly<
  Record<string, readonly [Parameters<typeof declarationsOf>[0], readonly string[]]>
>;

/** What the compiler says. It is run once, because it reads its own library for seconds. */
let said: readonly string[];

const saidOf = (name: keyof typeof programs) => said.filter((line) => line.includes(`${name}/`));

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-types-'));
  try {
    const files = Object.entries(programs).flatMap(([name, [types, lines]]) => [
      [`${name}/posthorn-events.d.ts`, declarationsOf(types)] as const,
      [`${name}/program.ts`, lines.join('\n')] as const,
    ]);
    for (const [name, text] of files) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), text);
    }
    const compilerOptions = {
      strict: true,
      noEmit: true,
      module: 'nodenext',
      allowImportingTsExtensions: true,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      // Of what Posthorn itself imports. Ours would be skipped too, so that they are programs here.
      skipLibCheck: false,
    };
    const config = { compilerOptions, files: files.map(([name]) => name) };
    await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(root, 'node_modules/.bin/tsc');
    const { stdout } = await promisify(execFile)(tsc, ['-p', directory], { cwd: directory }).catch(
      (error: { stdout: string }) => error,
    );
    said = stdout.split('\n').filter((line) => /^\S/.test(line));
  } finally {
    await rm(directory, { recursive: true });
  }
}, 120_000);

it('let the compiler accept right bodies and refuse wrong ones', () => {
  expect([saidOf('right'), saidOf('wrong')]).toEqual([[], []]);
});

it('make the compiler say which body is wrong', () => {
  expect(saidOf('faulty')).toEqual([
    expect.stringMatching(/program\.ts\(7,22\): error TS2322: Type 'string' is not assignable/),
  ]);
});

it('let the compiler check what publish() is given', () => {
  expect(saidOf('publishing')).toEqual([]);
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

it('compile for schemas that refer to themselves or to nothing', () => {
  const text = declarationsOf(programs.circles[0]);
  for (const at of [3, 4, 5, 6, 7]) expect(text).toContain(`t${at}: unknown;`);
  expect(saidOf('circles')).toEqual([]);
});

it('of event types with similar names do not get into each other', () => {
  expect(saidOf('similar')).toEqual([]);
});

it('accept every body that fits its schema', async () => {
  for (const { schema, values } of made) {
    const check = await compileSchema(schema);
    const faults = values.filter((value) => check(value) !== undefined);
    expect(faults.map((value) => JSON.stringify({ schema, value }))).toEqual([]);
  }
  expect(saidOf('made')).toEqual([]);
});
