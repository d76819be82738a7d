import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventTypeRow } from '../../src/queries/event-types.ts';
import { runHere } from '../support/command-here.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

// posthorn event-types and posthorn types.

const database = forFile(createTestDatabase);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'posthorn-event-types-'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

beforeEach(() => database.pool.query('delete from posthorn.event_types'));

const posthorn = (...args: string[]) => runHere(args, { DATABASE_URL: database.url });

async function file(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

const schema = { type: 'object', properties: { total: { type: 'number' } }, required: ['total'] };

it('writes an event type, shows it, lists it and deletes it', async () => {
  const given = [
    ...['--description', 'An order was paid.', '--deprecated'],
    ...['--schema', await file('schema.json', JSON.stringify(schema))],
    ...['--example', await file('example.json', '{"total": 1}')],
  ];
  expect(await posthorn('event-types', 'set', 'order.paid', ...given)).toEqual({
    exitCode: 0,
    stdout: 'order.paid\n',
    stderr: '',
  });
  const { stdout: json } = await posthorn('event-types', 'show', 'order.paid', '--json');
  expect(eventTypeRow.parse(JSON.parse(json))).toMatchObject({
    description: 'An order was paid.',
    schema,
    example: { total: 1 },
    deprecated: true,
  });
  const shown = await posthorn('event-types', 'show', 'order.paid');
  expect(shown.stdout).toMatch(/^name +order\.paid\ndescription +An order was paid\.\n/);
  expect(shown.stdout).toContain('\nschema\n{\n  "type": "object",\n');
  expect(shown.stdout).toContain('\nexample\n{\n  "total": 1\n}\n');
  const { stdout: list } = await posthorn('event-types', 'list');
  expect(list).toMatch(/order\.paid +yes +yes +yes .*An order was paid\./);
  expect(JSON.parse((await posthorn('event-types', 'list', '--json')).stdout)).toEqual({
    event_types: [JSON.parse(json)],
  });

  expect((await posthorn('event-types', 'delete', 'order.paid')).stdout).toBe(
    'Deleted order.paid\n',
  );
  expect((await posthorn('event-types', 'list')).stdout).toBe('No event types.\n');
  for (const action of ['show', 'delete']) {
    expect(await posthorn('event-types', action, 'order.paid')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('No event type order.paid in the catalogue'),
    });
  }
});

it.each<[string, string[], RegExp]>([
  [
    'a schema that is none',
    ['--schema', 'wrong.json'],
    /^schema must be a JSON Schema .*"requird"/,
  ],
  [
    'an example that does not fit',
    ['--schema', 'schema.json', '--example', 'wrong.json'],
    /^example must fit the schema/,
  ],
  [
    'a file that is not there',
    ['--schema', 'nowhere.json'],
    /^--schema must be a file that can be read/,
  ],
  ['a file without JSON', ['--example', 'text.json'], /^--example must be a file with JSON/],
])('refuses %s with exit code 2, and writes nothing', async (_, args, message) => {
  await file('schema.json', JSON.stringify(schema));
  await file('wrong.json', '{"requird": []}');
  await file('text.json', 'total');
  const given = args.map((arg) => (arg.endsWith('.json') ? join(directory, arg) : arg));
  const { exitCode, stderr } = await posthorn('event-types', 'set', 'order.paid', ...given);
  expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
  expect((await posthorn('event-types', 'list')).stdout).toBe('No event types.\n');
});

it('refuses a wrong name with exit code 2', async () => {
  const { exitCode, stderr } = await posthorn('event-types', 'set', 'order paid');
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('"order paid" is not')]);
});

it('generates types to standard output or a file, and says whether the file is up to date', async () => {
  await posthorn(
    'event-types',
    'set',
    'order.paid',
    '--schema',
    await file('s.json', JSON.stringify(schema)),
  );
  const { stdout } = await posthorn('types');
  expect(stdout).toMatch(
    /export interface PosthornEvents \{\n {2}"order\.paid": \{\n {4}total: number;\n/,
  );

  const out = join(directory, 'events.d.ts');
  expect((await posthorn('types', '--out', out, '--check')).exitCode).toBe(1);
  expect(await posthorn('types', '--out', out)).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr: `Wrote 1 event type to ${out}\n`,
  });
  expect(await readFile(out, 'utf8')).toBe(stdout);
  expect((await posthorn('types', '--out', out, '--check')).exitCode).toBe(0);

  await posthorn('event-types', 'set', 'order.sent');
  const stale = await posthorn('types', '--out', out, '--check');
  expect(stale).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('is not up to date'),
  });
  expect(await readFile(out, 'utf8')).toBe(stdout);
});

it('prints the documents too', async () => {
  await posthorn('event-types', 'set', 'order.paid');
  for (const [format, version] of [
    ['asyncapi', '3.0.0'],
    ['openapi', '3.1.0'],
  ] as const) {
    const { stdout } = await posthorn('types', '--format', format);
    expect(JSON.parse(stdout)[format]).toBe(version);
  }
});

it.each<[string, string[], string]>([
  [
    'an unknown format',
    ['--format', 'java'],
    '--format must be one of typescript, asyncapi, openapi: "java" is not',
  ],
  ['a check of no file', ['--check'], '--check compares a file with the catalogue: give --out too'],
])('refuses %s', async (_, args, message) => {
  const { exitCode, stderr } = await posthorn('types', ...args);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
});

it('a process that starts does not load the library that compiles schemas', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const program = `
    await import('${root}src/posthorn.ts');
    await import('${root}src/commands/main.ts');
    const loaded = async () => Object.keys((await import('node:module')).Module._cache).some((name) => name.includes('/ajv/'));
    const before = await loaded();
    const { compileSchema } = await import('${root}src/catalogue/compiled-schema.ts');
    await compileSchema(true);
    console.log(before, await loaded());`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    program,
  ]);
  expect(stdout).toBe('false true\n');
});
