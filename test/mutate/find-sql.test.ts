import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { linesOf } from '../../mutate/changed-lines.ts';
import { definitionsIn, findSqlMutants } from '../../mutate/find-sql.ts';
import {
  engineTests,
  isStatementFile,
  sqlGrounds,
  testsUnder,
  typescriptGrounds,
} from '../../mutate/grounds.ts';
import { applied, keyOf, spread } from '../../mutate/mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = ['migrations', 'sql']
  .flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map(
      (name) => `${folder}/${name}`,
    ),
  )
  .filter((file) => file.endsWith('.sql'))
  .map((file) => ({ file, text: readFileSync(`${root}${file}`, 'utf8') }));

describe('the latest definition', () => {
  const first = `create function posthorn.f(a text, b integer default 1) returns text language sql as $$ select 'x' $$;
create view posthorn.v as select 1;`;
  const second = `create or replace function posthorn.f(a text, b integer default 2) returns text language sql as $$ select ';' $$;
create function posthorn.f(a uuid) returns text language sql begin atomic select 1; select 2; end;
drop view posthorn.v;`;
  const definitions = definitionsIn([
    { file: 'migrations/0002_second.sql', text: second },
    { file: 'migrations/0001_first.sql', text: first },
  ]);

  it('is that of the last file, of each list of arguments, unless it was dropped', () => {
    expect(definitions.map(({ kind, name, file }) => [kind, name, file])).toEqual([
      ['function', 'f(text, integer)', 'migrations/0002_second.sql'],
      ['function', 'f(uuid)', 'migrations/0002_second.sql'],
    ]);
  });

  it('is the whole statement, whatever semicolons are in it', () => {
    const texts = definitions.map(({ start, end }) => second.slice(start, end));
    expect(texts[0]).toMatch(/^create or replace .* \$\$ select ';' \$\$$/);
    expect(texts[1]).toMatch(/^create function .* select 2; end$/);
  });

  it('takes the place of the one that is there', () => {
    const { replacing } = definitions[1] ?? expect.fail('none');
    expect(replacing('create view v as select 1')).toBe('create or replace view v as select 1');
    expect(replacing('create or replace view v')).toBe('create or replace view v');
  });
});

describe('the SQL of this repository', () => {
  const mutants = findSqlMutants(files);

  it('is read to its end, and each mutant differs from it where it says', () => {
    for (const mutant of mutants) {
      const text = files.find(({ file }) => file === mutant.file)?.text ?? '';
      expect(text.slice(mutant.start, mutant.end)).toBe(mutant.before);
      expect(text.split('\n')[mutant.line - 1]?.trim()).toBe(mutant.source);
      expect(applied(text, mutant)).not.toBe(text);
    }
  });

  it.each([
    ['enqueue', 2],
    ['outbox_to_queue', 1],
    ['webhooks', 1],
  ])('has one latest definition of each %s, of which there are %i', (name, count) => {
    const found = definitionsIn(files).filter(
      (one) => one.kind !== 'trigger' && new RegExp(`^${name}(?:\\(|$)`).test(one.name),
    );
    expect(found).toHaveLength(count);
  });
});

describe('the lists of what is mutated and by which tests', () => {
  const testFiles = readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' })
    .map((name) => `test/${name}`)
    .filter((name) => name.endsWith('.test.ts'));
  const sources = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).map(
    (name) => `src/${name}`,
  );
  const names = [
    ...sources,
    ...files.map(({ file }) => file).filter(isStatementFile),
    ...definitionsIn(files).map(({ name }) => name),
  ];

  it('name files and definitions that there are', () => {
    const all = [...sqlGrounds, ...typescriptGrounds].flatMap(({ of }) => of);
    expect(all.filter((beginning) => !names.some((name) => name.startsWith(beginning)))).toEqual(
      [],
    );
  });

  it('name tests that there are, and none of those that only cost', () => {
    const all = [...sqlGrounds, ...typescriptGrounds].flatMap(({ tests }) => tests);
    expect(
      [...all, ...engineTests].filter(
        (beginning) => testsUnder([beginning], testFiles).length === 0,
      ),
    ).toEqual([]);
  });
});

it('a mutant keeps its name when its line moves, and not when the line changes', () => {
  const [one] = findSqlMutants([{ file: 'sql/a.sql', text: 'select x < y' }]);
  const [moved] = findSqlMutants([{ file: 'sql/a.sql', text: '-- more\n\n  select x < y' }]);
  const [other] = findSqlMutants([{ file: 'sql/a.sql', text: 'select x < z' }]);
  if (!one || !moved || !other) throw new Error('no mutant');
  expect(moved.line).toBe(3);
  expect(keyOf(moved)).toBe(keyOf(one));
  expect(keyOf(other)).not.toBe(keyOf(one));
});

it('a sample is spread over the whole list', () => {
  const list = Array.from({ length: 100 }, (_, index) => index);
  expect(spread(list, { count: 4, offset: 0.5 })).toEqual([12, 37, 62, 87]);
  expect(spread(list, { count: 200, offset: 0.5 })).toEqual(list);
  expect(spread([], { count: 3, offset: 0.9 })).toEqual([]);
});

it('a diff says which lines are new', () => {
  const diff = `diff --git a/sql/a.sql b/sql/a.sql
--- a/sql/a.sql
+++ b/sql/a.sql
@@ -1 +1,2 @@ select
-x
+y
+z
@@ -9,2 +10,0 @@
-gone
-gone
@@ -20 +19 @@
-x
+y`;
  expect([...(linesOf(diff).get('sql/a.sql') ?? [])]).toEqual([1, 2, 19]);
});
