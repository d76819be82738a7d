import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually.ts';

/** Through the debugger, like all here: playwright's own waiting would need eval, which the page's policy refuses. */
export async function holds(page: Page, condition: string): Promise<void> {
  await eventually(async () => await page.evaluate<boolean>(condition), condition);
}

/** Opens all that can be opened, also what appears meanwhile, by one call and not by a click of the mouse for each. */
export async function openAll(page: Page): Promise<void> {
  await holds(
    page,
    `(() => {
      const closed = [...document.querySelectorAll('details:not([open]) > summary')];
      for (const summary of closed) summary.click();
      return closed.length === 0;
    })()`,
  );
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');

/**
 * What axe-core finds, as "rule: element". Put in through the debugger, as the page's policy lets no script of ours in, and
 * once into each document. No rule is left out: what is turned off is what it would load again, and selectors that no
 * test reads.
 */
export async function axe(page: Page): Promise<string[]> {
  const isThere: boolean = await page.evaluate(`'axe' in window`);
  if (!isThere) await page.evaluate(`${axeSource}; undefined`);
  const found: { violations: { id: string; nodes: { html: string }[] }[] } = await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'], preload: false, selectors: false, iframes: false })`,
  );
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`),
  );
}
