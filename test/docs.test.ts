import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readConfig } from '../src/config/config.ts';
import { settingNames } from '../src/config/settings.ts';

// docs/configuration.md against src/config/settings.ts, in both directions.

const page = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8');

/** The variables that are read. */
const read = new Set(settingNames);
const rows = [...page.matchAll(/^\| \[`(\w+)`\]\(#(\w+)\) \| (.*?) \| (.*) \|$/gm)];

it('has a row and a section for every variable, and for nothing else', () => {
  expect(rows.map(([, name]) => name).toSorted()).toEqual([...read].toSorted());
  expect(all(/^### `(\w+)`$/gm, page).toSorted()).toEqual([...read].toSorted());
});

it.each(rows)('links %s to its section', (...[, name, anchor]) => {
  expect(anchor).toBe(name?.toLowerCase());
});

it('names no variable that is not read', () => {
  const named = all(/\b(POSTHORN_[A-Z_]+|[A-Z]+_URL)\b/g, page);
  expect(named.filter((name) => !read.has(name))).toEqual([]);
});

it('names the defaults that are in force', () => {
  const documented = rows.flatMap(([, name = '', , cell = '']) => {
    const value = /^`(.+)`$/.exec(cell)?.[1];
    return value === undefined ? [] : [[name, value]];
  });
  expect(documented.length).toBeGreaterThan(8);
  expect(readConfig(Object.fromEntries(documented))).toEqual(readConfig({}));
});

const bounded = rows.flatMap(([, name = '', , , rule = '']) => {
  const [, least, most] = /(?:from |, )(\d\w*) to (\d\w*)/.exec(rule) ?? [];
  return least === undefined || most === undefined ? [] : [{ name, least, most }];
});

it('finds bounds in the rules', () => {
  expect(bounded.length).toBeGreaterThan(6);
});

it.each(bounded)('names the bounds of $name, $least to $most', ({ name, least, most }) => {
  expect(() => readConfig({ [name]: 'wrong' })).toThrow(`from ${least} to ${most}`);
});

function all(pattern: RegExp, text: string): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}
