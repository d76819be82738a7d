import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { commands } from '../../src/commands/commands.ts';

// Every "posthorn …" in a shell block of a page names a command that exists, with options that it has.

const root = new URL('../../', import.meta.url);
const pages = [
  'README.md',
  'ops/README.md',
  ...readdirSync(new URL('docs', root))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const calls = pages.flatMap((page) =>
  callsIn(readFileSync(new URL(page, root), 'utf8')).map((call) => ({ page, call })),
);

it('finds commands in the pages', () => {
  expect(calls.length).toBeGreaterThan(40);
});

it.each(calls)('$page: $call', ({ call }) => {
  expect(faultOf(call)).toBeUndefined();
});

it('notices an unknown command and an unknown option', () => {
  expect(faultOf('posthorn frobnicate')).toBe('no such command');
  expect(faultOf('posthorn list --frobnicate')).toBe('no option --frobnicate');
});

/** The calls of posthorn in the shell blocks of a page, without what comes before and after them on their line. */
function callsIn(text: string): string[] {
  const blocks = [...text.matchAll(/^ *```sh\n([\s\S]*?)^ *```$/gm)].map(([, code = '']) => code);
  return blocks.flatMap((code) => {
    const lines = code.replaceAll('\\\n', ' ').replaceAll(/\s#.*/g, '');
    // At the beginning of a line or after another command, and after settings such as PORT=8090.
    const calls = lines.matchAll(/(?:^|&& |\$\()(?:[A-Z_]+=\S* )*(posthorn [a-z][^\n|;&)]*)/gm);
    return [...calls].map(([, call = '']) => call.replaceAll(/'[^']*'|"[^"]*"/g, 'TEXT').trim());
  });
}

/** What is wrong with a call. */
function faultOf(call: string): string | undefined {
  const [, first = '', second = '', ...rest] = call.split(/\s+/);
  const command =
    commands.find(({ name }) => name === `${first} ${second}`) ??
    commands.find(({ name }) => name === first);
  if (command === undefined) return 'no such command';
  const known = ['help', 'version', ...Object.keys(command.options ?? {})];
  const used = [second, ...rest].filter((word) => word.startsWith('--'));
  const unknown = used.map((word) => word.slice(2)).find((name) => !known.includes(name));
  return unknown === undefined ? undefined : `no option --${unknown}`;
}
