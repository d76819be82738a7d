import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

// Every link between the pages of this repository leads somewhere: to a file that exists, and to a heading that is in it.

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = ['', 'docs', 'docs/adr', 'ops', ...foldersIn('examples')].flatMap((folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder))
        .filter((name) => name.endsWith('.md'))
        .map((name) => join(folder, name))
    : [],
);

it('finds the pages', () => {
  expect(pages).toContain('README.md');
  expect(pages).toContain('docs/getting-started.md');
});

it.each(pages)('%s has no link that leads nowhere', (page) => {
  expect(linksOf(page).filter((link) => !resolves(page, link))).toEqual([]);
});

it('notices a missing file and a missing heading', () => {
  expect(resolves('README.md', 'docs/no-such-page.md')).toBe(false);
  expect(resolves('README.md', 'docs/sending.md#no-such-heading')).toBe(false);
  expect(resolves('docs/sending.md', '../README.md#send-webhooks')).toBe(true);
});

/** The folders in this folder of the repository, and it itself; none if it does not exist. */
function foldersIn(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const inside = readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .flatMap(({ name }) => foldersIn(`${folder}/${name}`));
  return [folder, ...inside];
}

/** The targets of the links to our own pages, without code. */
function linksOf(page: string): string[] {
  const links = [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return links.filter((target) => !/^[a-z]+:/.test(target));
}

/** Whether a link in a page leads to a file or a folder and, if it has an anchor, to a heading. */
function resolves(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(root, page) : resolve(root, dirname(page), path);
  if (!existsSync(target)) return false;
  if (anchor === undefined || !target.endsWith('.md')) return true;
  return !statSync(target).isDirectory() && anchorsOf(target).has(decodeURIComponent(anchor));
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(file: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutCode(readFileSync(file, 'utf8')).matchAll(
    /^#{1,6} +(.+?)(?: +#+)?$/gm,
  )) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

function textOf(page: string): string {
  return withoutCode(readFileSync(join(root, page), 'utf8')).replaceAll(/`[^`\n]*`/g, '');
}

function withoutCode(text: string): string {
  return text.replaceAll(/^( *)(```+)[^\n]*\n[\s\S]*?^ *\2 *$/gm, '');
}
