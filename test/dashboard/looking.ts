import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually.ts';

/** Through the debugger, like all here: playwright's own waiting would need eval, which the page's policy refuses. */
export async function holds(page: Page, condition: string): Promise<void> {
  await eventually(async () => await page.evaluate<boolean>(condition), condition);
}

/** What axe-core finds, as "rule: element". Put in through the debugger: the page's policy lets no script of ours in. */
export async function axe(page: Page): Promise<string[]> {
  const source = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
  await page.evaluate(`${source}; undefined`);
  const found: { violations: { id: string; nodes: { html: string }[] }[] } = await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'] })`,
  );
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`),
  );
}
