import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPage, photograph, startBrowser } from '../support/browser.ts';
import { axe } from './looking.ts';
import { startWorld, type World } from './world.ts';

// The page "API" with the document that the API really has: everything is there, and what is tried is done.

const started = await startBrowser();

describe.skipIf(typeof started === 'string')('the page "API" of this Posthorn', () => {
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

  const open = async (hash: string, width = 1280) => {
    const watched = await openPage(browser, { origin: world.origin, width });
    await watched.page.goto(`${world.origin}/${hash}`);
    return watched;
  };

  it('lists every operation, and shows each', async () => {
    const response = await fetch(`${world.origin}/openapi.json`);
    const { paths } = (await response.json()) as {
      paths: Record<string, Record<string, { operationId: string; summary: string }>>;
    };
    const operations = Object.values(paths).flatMap((atPath) => Object.values(atPath));
    await using watched = await open('#/api');
    const { page, troubles } = watched;
    await page.getByText('Send a webhook', { exact: true }).waitFor();
    await photograph(page, 'api-light');
    expect(await page.locator('.contents li').count()).toBe(operations.length);
    for (const { operationId, summary } of operations) {
      await page.goto(`${world.origin}/#/api/${operationId}`);
      await page.getByRole('heading', { name: summary, exact: true }).waitFor();
      await page.locator('.answers li').first().waitFor();
    }
    expect(troubles).toEqual([]);
  });

  it.each([
    ['sendWebhook', 1280],
    ['startReplay', 390],
    ['showStats', 390],
  ])('has nothing that axe finds at %s, and fits into %i px', async (operation, width) => {
    await using watched = await open(`#/api/${operation}`, width);
    const { page } = watched;
    await page.locator('.answers li').first().waitFor();
    for (const summary of await page.locator('summary').all()) await summary.click();
    await photograph(page, `api-${operation}-${width}`);
    expect(await axe(page)).toEqual([]);
    const [scroll, client]: [number, number] = await page.evaluate(
      '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
    );
    expect(scroll).toBeLessThanOrEqual(client);
  });

  it('sends a GET at once, and shows what strangers wrote as text', async () => {
    await using watched = await open('#/api/showWebhook');
    const { page, troubles } = watched;
    await page.evaluate('window.hacked = () => { window.wasHacked = true; }');
    await page.getByLabel('id').fill(world.ids.hostile);
    await page.getByRole('button', { name: 'Send GET' }).click();
    await page.locator('.tried .badge').getByText('200').waitFor();
    const answer = await page.getByLabel('Body of the answer').innerText();
    expect(answer).toContain('<script>hacked()</script>');
    expect(await page.evaluate('window.wasHacked')).toBeUndefined();
    expect(troubles).toEqual([]);
  });

  it('asks once more before a POST, which then is carried out', async () => {
    const count = async () => {
      const { rows } = await world.database.pool.query<{ webhooks: number }>(
        `select count(*)::integer as webhooks from posthorn.outbox where url like '%/tried'`,
      );
      return rows[0]?.webhooks;
    };
    await using watched = await open('#/api/sendWebhook');
    const { page } = watched;
    await page.getByLabel('Body').fill('{"url": "http://127.0.0.1:9/tried", "body": 1}');
    await page.getByRole('button', { name: 'Send POST' }).click();
    expect(await count()).toBe(0);
    await page.getByRole('dialog').getByRole('button', { name: 'Send POST' }).click();
    await page.locator('.tried .badge').getByText('202').waitFor();
    expect(await count()).toBe(1);
    await page.getByText('/webhooks/0').first().waitFor();
  });
});
