import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// The house rules that a machine can check. CONTRIBUTING.md says why.

const root = fileURLToPath(new URL('..', import.meta.url));
const files = filesIn('src');
/** Programs around the engine. What they share is in harness/. */
const instruments = ['bench', 'chaos', 'fuzz', 'mutate', 'demo', 'test'];

/** What stands in a later row may import from earlier ones and from its own folder, never the other way. */
const layers: readonly (readonly string[])[] = [
  ['domain', 'transaction'],
  ['producer'],
  ['version.ts'],
  ['config'],
  ['events.ts', 'log.ts'],
  ['log-attempts.ts', 'secrets', 'embedded'],
  ['db'],
  ['queries'],
  ['cache'],
  ['metrics'],
  ['input', 'lanes', 'http'],
  ['catalogue'],
  ['deliver'],
  ['alerts'],
  ['maintenance'],
  ['worker', 'api', 'doctor'],
  ['verify', 'client'],
  ['posthorn.ts'],
  ['commands', 'index.ts'],
  ['cli.ts'],
];

/** What programs of others import by itself, in any Node, in Bun, Deno or at the edge: nothing of Node or of Posthorn comes with it. */
const standalone = Object.keys(
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object }).exports,
)
  .filter((name) => name !== '.')
  .map((name) => name.slice('./'.length));
/** What they share. */
const common = 'transaction';
/** Made by a program, and read by none. */
const generated = ['client/operations.ts'];

/** Starts with what a pure file may not have: I/O, clocks, randomness. */
const impure =
  /\b(Date\.now|performance\.now|Math\.random|randomBytes|randomUUID|setTimeout|setInterval|process\.|fetch\()|new Date\(\)|from 'node:(?!crypto'|net')|from '(?!node:|\.\.?\/|zod')/;
const pureHeader = '// Pure: no I/O, no clock, no randomness.';

describe('every source file', () => {
  it.each(files.filter(({ name }) => !generated.includes(name)))(
    '$name has at most 300 lines',
    ({ text }) => {
      expect(text.split('\n').length).toBeLessThanOrEqual(301);
    },
  );

  it.each(files)('$name imports only from its own layer or below', ({ name, text }) => {
    for (const imported of importsOf({ name, text })) {
      const [from, to] = [unitOf(name), unitOf(imported)];
      if (from === to) continue;
      expect(layerOf(to), `${name} imports ${imported}`).toBeLessThan(layerOf(from));
    }
  });

  it.each(files.filter(({ name }) => name.startsWith('domain/')))(
    '$name is pure and says so',
    ({ text }) => {
      expect(text.startsWith(pureHeader)).toBe(true);
    },
  );

  it.each(files.filter(({ text }) => text.includes(pureHeader)))(
    '$name keeps its word',
    ({ text }) => {
      // A header further down would look like a promise and be none.
      expect(text.startsWith(pureHeader)).toBe(true);
      const code = text.slice(pureHeader.length).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      expect(impure.exec(code)?.[0]).toBeUndefined();
    },
  );
});

it.each([...standalone, common])(
  '%s imports nothing but itself, and how a transaction is used',
  (folder) => {
    const own = files.filter(({ name }) => unitOf(name) === folder);
    expect(own.length).toBeGreaterThan(2);
    for (const file of own) {
      const others = importsOf(file).filter((name) => ![folder, common].includes(unitOf(name)));
      expect(others).toEqual([]);
      expect(file.text.match(/(?:from|import)\s*\(?'[^.][^']*'/g) ?? []).toEqual([]);
    }
  },
);

describe('files', () => {
  it.each(['src', 'harness', 'bench', 'chaos', 'fuzz', 'mutate', 'demo', 'examples/runner'])(
    'of %s import each other in no circle',
    (folder) => {
      const graph = new Map(
        filesIn(folder).map((file) => [file.name, importsOf({ ...file, folder })] as const),
      );
      expect(circleIn(graph)).toEqual([]);
    },
  );

  // A test looks at all of them. What two of the others need is for harness/.
  it.each(['harness', 'bench', 'chaos', 'fuzz', 'mutate', 'demo', 'examples/runner'])(
    'of %s import nothing of another program',
    (folder) => {
      const others = instruments.filter((name) => name !== folder);
      const found = filesIn(folder).flatMap((file) =>
        importsOf({ ...file, folder })
          .map((name) => join(folder, name))
          .filter((name) => others.includes(unitOf(name)))
          .map((name) => `${file.name} imports ${name}`),
      );
      expect(found).toEqual([]);
    },
  );
});

describe('SQL is ASCII, as it is read by psql and by servers in any encoding', () => {
  const scripts = ['migrations', 'sql'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.sql'))
      .map((name) => ({
        name: join(folder, name),
        text: readFileSync(join(root, folder, name), 'utf8'),
      })),
  );

  it('in every script', () => {
    expect(scripts.length).toBeGreaterThan(80);
    expect(scripts.filter(({ text }) => !isAscii(text)).map(({ name }) => name)).toEqual([]);
  });

  it('in every statement of src', () => {
    const found = files.flatMap(({ name, text }) =>
      statementsIn(text).flatMap((statement) => (isAscii(statement) ? [] : [name])),
    );
    // A line that is shown, for people to fill in.
    expect(found).toEqual(['commands/roles.ts']);
    expect(statementsIn("query('select 1')")).toEqual(["'select 1'"]);
    expect(statementsIn('`with a as (select 1)`')).toHaveLength(1);
    expect(isAscii('select …')).toBe(false);
  });
});

it('only the configuration and the commands know the environment', () => {
  const readers = files.filter(({ text }) => text.includes('process.env')).map(({ name }) => name);
  expect(readers.filter((name) => !name.startsWith('commands/'))).toEqual([]);
});

it.each([
  ['prom-client', 'metrics/'],
  ['pino', 'log.ts'],
  ['@opentelemetry/api', 'deliver/tracing.ts'],
])('%s is imported by %s alone', (library, place) => {
  const importers = files.filter(({ text }) => text.includes(`from '${library}'`));
  expect(importers.length).toBeGreaterThan(0);
  expect(importers.filter(({ name }) => !name.startsWith(place))).toEqual([]);
});

it('what stands alone is compiled to CommonJS too', () => {
  const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.cjs.json'), 'utf8')) as {
    include: readonly string[];
  };
  expect(include).toEqual([...standalone, common].map((folder) => `src/${folder}`));
});

it('the rules fire', () => {
  expect(impure.test('const now = Date.now();')).toBe(true);
  expect(impure.test("import { readFile } from 'node:fs';")).toBe(true);
  expect(impure.test("import pg from 'pg';")).toBe(true);
  expect(importsOf({ name: 'domain/a.ts', text: "import x from '../db/pools.ts';" })).toEqual([
    'db/pools.ts',
  ]);
  expect(layerOf('db')).toBeGreaterThan(layerOf('domain'));
  const circle = new Map([
    ['a.ts', ['b.ts']],
    ['b.ts', ['c.ts']],
    ['c.ts', ['b.ts']],
  ]);
  expect(circleIn(circle)).toEqual(['b.ts', 'c.ts', 'b.ts']);
});

function isAscii(text: string): boolean {
  return /^[\t\n\r -~]*$/.test(text);
}

/** The literals that begin like a statement. */
function statementsIn(text: string): string[] {
  return (text.match(/`(?:[^`\\]|\\.)*`|'(?:[^'\\\n]|\\.)*'/g) ?? []).filter((literal) =>
    /^.\s*(select|insert|update|delete|with|create|alter|drop|set|do|begin)\s/i.test(literal),
  );
}

function filesIn(folder: string): { name: string; text: string }[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => ({ name, text: readFileSync(join(root, folder, name), 'utf8') }));
}

/** What a file imports, relative to its folder. */
function importsOf({
  name,
  text,
  folder = 'src',
}: {
  name: string;
  text: string;
  folder?: string;
}): string[] {
  const here = resolve(root, folder, dirname(name));
  return [...text.matchAll(/(?:from|import)\s*\(?'(\.[^']+)'/g)].map(([, path = '']) =>
    relative(join(root, folder), resolve(here, path)),
  );
}

/** A circle of imports, its first file again at its end; none: nothing. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const walk = (name: string, road: readonly string[]): string[] => {
    const start = road.indexOf(name);
    if (start >= 0) return [...road.slice(start), name];
    if (done.has(name)) return [];
    for (const next of graph.get(name) ?? []) {
      const circle = walk(next, [...road, name]);
      if (circle.length > 0) return circle;
    }
    done.add(name);
    return [];
  };
  return [...graph.keys()].map((name) => walk(name, [])).find(({ length }) => length > 0) ?? [];
}

function unitOf(name: string): string {
  return name.split('/')[0] ?? '';
}

function layerOf(unit: string): number {
  const layer = layers.findIndex((units) => units.includes(unit));
  if (layer < 0) throw new Error(`Cannot place ${unit} as it is in no layer of this test`);
  return layer;
}
