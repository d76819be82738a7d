import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as names from '../../src/db/names.ts';
import { priorities } from '../../src/domain/priority.ts';
import { isReservedHeader, reservedHeaders } from '../../src/domain/reserved-headers.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask } from '../support/rows.ts';

// What SQL and TypeScript must both know: each has it in one place, and here they are compared.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

it('a priority is the same number in SQL, TypeScript and the browser, and other words are none', async () => {
  const ranks = priorities.map((word, rank) => ({ word, rank }));
  const others = ['High', 'urgent', '', 'own', null].map((word) => ({ word, rank: null }));
  const rows = await ask(
    database,
    'select word, posthorn.priority_of(word) as rank from unnest($1::text[]) as word',
    [[...ranks, ...others].map(({ word }) => word)],
  );
  expect(rows).toEqual([...ranks, ...others]);
  const format = '../../dashboard/format.js';
  expect(((await import(format)) as { priorities: string[] }).priorities).toEqual(priorities);
});

it('the same headers are reserved in SQL and TypeScript', async () => {
  const listed = reservedHeaders.flatMap((name) =>
    ['', 'a', '-a'].map((ending) => name.replace('*', ending)),
  );
  const some = [
    ...listed,
    'Authorization',
    'X-Webhook',
    'Set-Cookie',
    'te\n',
    'te\nx',
    'webhook-\n',
  ];
  const all = some.flatMap((name) => [
    ...[name, name.toLowerCase(), name.toUpperCase()],
    ...[`x${name}`, `x-${name}`, `${name}x`, `${name}-x`, ` ${name}`],
  ]);
  const rows = await ask<{ name: string; is_reserved: boolean }>(
    database,
    `select name, posthorn.names_reserved_header(jsonb_build_object('A', '', name, '')) as is_reserved
     from unnest($1::text[]) as name`,
    [all],
  );
  expect(rows).toEqual(all.map((name) => ({ name, is_reserved: isReservedHeader(name) })));
  expect(rows.filter(({ is_reserved }) => is_reserved).length).toBeGreaterThan(60);
});

describe('advisory locks', () => {
  const locks = Object.entries(names).flatMap(([name, value]) =>
    name.endsWith('Lock') && typeof value === 'number' ? [{ name, value }] : [],
  );

  it('have different numbers, which no worker can have', () => {
    expect(locks.length).toBeGreaterThan(5);
    expect(new Set(locks.map(({ value }) => value)).size).toBe(locks.length);
    for (const { value } of locks) expect(value).toBeLessThan(1);
  });

  it('are taken in SQL by numbers that TypeScript names', () => {
    const taken = filesIn('sql').flatMap(([file, text]) =>
      [...text.matchAll(/advisory\w*_lock\w*\(([^()]*)\)/g)].map(([, given = '']) => ({
        file,
        given,
      })),
    );
    expect(taken.length).toBeGreaterThan(8);
    for (const { file, given } of taken) {
      expect(
        locks.map(({ value }) => `${names.lockClass}, ${value}`),
        file,
      ).toContain(given);
    }
  });

  it('are taken in TypeScript by their names', () => {
    const bare = filesIn('src').filter(
      ([, text]) => /1886352244/.test(text) || /advisory\w*_lock\w*\([^()]*, *-?\d+\)/.test(text),
    );
    expect(bare.map(([file]) => file)).toEqual([]);
  });
});

/** The files below a folder with their texts, but for the dump of the schema. */
function filesIn(folder: string): [file: string, text: string][] {
  const root = new URL(`../../${folder}/`, import.meta.url);
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(sql|ts)$/.test(file) && file !== 'schema.sql')
    .map((file) => [file, readFileSync(new URL(file, root), 'utf8')]);
}
