import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPage, photograph, startBrowser } from '../support/browser.ts';
import { startWorld, type World } from './world.ts';

// The dashboard as people see it: a real browser, a real Posthorn, a real receiver.

const started = await startBrowser();
if (typeof started === 'string') {
  console.warn(`No browser can start here (${started}): the dashboard's tests are skipped.`);
}

describe.skipIf(typeof started === 'string')('the dashboard', () => {
  let browser: Browser;
  let world: World;

  beforeAll(async () => {
    if (typeof started !== 'string') browser = started;
    world = await startWorld();
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await browser.close();
  });

  const open = async (
    hash: string,
    options: { colours?: 'light' | 'dark'; width?: number } = {},
  ) => {
    const watched = await openPage(browser, { origin: world.origin, ...options });
    await watched.page.goto(`${world.origin}/${hash}`);
    return watched;
  };

  const views = (): Readonly<Record<string, { hash: string; shows: string }>> => ({
    overview: { hash: '', shows: 'How it went' },
    webhooks: { hash: '#/webhooks', shows: 'Last answer' },
    webhook: { hash: `#/webhooks/${world.ids.failed}`, shows: 'answer of /fails/order' },
    endpoints: { hash: '#/endpoints', shows: 'Send test' },
    replays: { hash: '#/replays', shows: 'No replay yet' },
    settings: { hash: '#/settings', shows: 'POSTHORN_RETENTION' },
  });
  const names = ['overview', 'webhooks', 'webhook', 'endpoints', 'replays', 'settings'];

  describe.each(['light', 'dark'] as const)('in %s colours', (colours) => {
    it.each(names)('shows %s, without a violation that axe finds', async (name) => {
      const { hash, shows } = views()[name] ?? { hash: '', shows: '' };
      await using watched = await open(hash, { colours });
      const { page, troubles } = watched;
      await page.getByText(shows).first().waitFor();
      await photograph(page, `${name}-${colours}`);
      expect(await axe(page)).toEqual([]);
      expect(troubles).toEqual([]);
    });
  });

  it.each(names)('fits %s on a phone: nothing but tables scrolls sideways', async (name) => {
    const { hash, shows } = views()[name] ?? { hash: '', shows: '' };
    await using watched = await open(hash, { width: 390 });
    await watched.page.getByText(shows).first().waitFor();
    await photograph(watched.page, `${name}-phone`);
    const [scroll, client]: [number, number] = await watched.page.evaluate(
      '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
    );
    expect(scroll).toBeLessThanOrEqual(client);
  });
});

/** What axe-core finds, as "rule: element". Put in through the debugger: the page's policy lets no script of ours in. */
async function axe(page: Page): Promise<string[]> {
  const source = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
  await page.evaluate(`${source}; undefined`);
  const found: { violations: { id: string; nodes: { html: string }[] }[] } = await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'] })`,
  );
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`),
  );
}
