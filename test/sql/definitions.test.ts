import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownDefinitions } from '../../src/db/definitions.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// Each function, trigger and view has one definition, in a file that has its name. test/roles/shadowing.test.ts sees that each
// function pins its search_path, test/architecture.test.ts that all SQL is ASCII.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

const root = new URL('../../', import.meta.url);
const filesIn = (folder: string) =>
  readdirSync(new URL(folder, root)).map((file) => ({
    file,
    text: readFileSync(new URL(`${folder}/${file}`, root), 'utf8'),
  }));

interface Object {
  readonly kind: string;
  readonly name: string;
}

/** The functions, views and triggers that a script creates, in any way. */
function createdBy(text: string): Object[] {
  const sql = text.replaceAll(/--.*$/gm, '');
  const pattern =
    /\bcreate\s+(?:or\s+replace\s+)?(?:materialized\s+|recursive\s+|constraint\s+)*(function|procedure|view|trigger)\s+(?:posthorn\.)?(\w+)/gi;
  return [...sql.matchAll(pattern)].map(([, kind = '', name = '']) => ({
    kind: kind.toLowerCase(),
    name,
  }));
}

it('a migration creates tables, and no function, view or trigger', () => {
  const migrations = filesIn('migrations');
  expect(migrations.length).toBeGreaterThan(2);
  expect(migrations.flatMap(({ text }) => createdBy(text))).toEqual([]);
  const sample = 'CREATE OR REPLACE\n function posthorn.a() ...; create view posthorn.b as ...';
  expect(createdBy(sample)).toEqual([
    { kind: 'function', name: 'a' },
    { kind: 'view', name: 'b' },
  ]);
});

describe.each([
  ['function', 'sql/functions'],
  ['view', 'sql/views'],
])('each %s of the schema', (kind, folder) => {
  const files = filesIn(folder);

  it.each(files)('$file creates the one that it is named after, and says what it is', (one) => {
    const created = createdBy(one.text).filter((object) => object.kind !== 'trigger');
    expect([...new Set(created.map((object) => `${object.name}.sql`))]).toEqual([one.file]);
    expect(new Set(created.map((object) => object.kind))).toEqual(new Set([kind]));
    // It may be run again at any time.
    expect(one.text).not.toMatch(/^\s*create (?!or replace )/m);
    expect(one.text).toMatch(/^-- [A-Z]/);
  });

  it('has a file, and no file is without one', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      kind === 'view'
        ? `select relname::text as name from pg_class where relnamespace = 'posthorn'::regnamespace and relkind = 'v'`
        : `select distinct proname::text as name from pg_proc where pronamespace = 'posthorn'::regnamespace`,
    );
    expect(rows.map(({ name }) => `${name}.sql`).sort()).toEqual(
      files.map(({ file }) => file).sort(),
    );
  });
});

it('a trigger stands in the file of the function that it runs', async () => {
  const triggers = filesIn('sql/functions').flatMap(({ file, text }) =>
    createdBy(text)
      .filter(({ kind }) => kind === 'trigger')
      .map(({ name }) => `${name} in ${file}`),
  );
  const { rows } = await database.pool.query<{ place: string }>(
    `select format('%s in %s.sql', t.tgname, p.proname) as place
     from pg_trigger as t
     join pg_proc as p on p.oid = t.tgfoid
     join pg_class as c on c.oid = t.tgrelid
     where c.relnamespace = 'posthorn'::regnamespace and not t.tgisinternal and t.tgparentid = 0`,
  );
  expect(triggers.sort()).toEqual(rows.map(({ place }) => place).sort());
});

it('views come after those that they read, and what locks a table comes last', () => {
  const names = ownDefinitions().map(({ name }) => name);
  expect(names.indexOf('redacted_webhooks')).toBeGreaterThan(names.indexOf('webhooks'));
  expect(names.indexOf('outbox_to_queue')).toBeGreaterThan(names.indexOf('redacted_webhooks'));
  expect(names.indexOf('put_back')).toBeLessThan(names.indexOf('webhooks'));
});

it('the database knows of each definition what text is in force', async () => {
  const { rows } = await database.pool.query<{ name: string; hash: string }>(
    'select name, hash from posthorn.definitions',
  );
  const ours = ownDefinitions().map(({ name, hash }) => ({ name, hash }));
  expect(new Set(rows)).toEqual(new Set(ours));
  expect(rows).toHaveLength(ours.length);
});
