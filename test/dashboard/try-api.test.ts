import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openPage, photograph, startBrowser } from '../support/browser.ts';
import { startEngine } from '../support/engine.ts';
import { axe, openAll } from './looking.ts';
import { hostileTexts, startWorld, type World } from './world.ts';

// The page "API" with the document of the API that serves it, and requests that it answers.

const documented = z.object({
  paths: z.record(
    z.string(),
    z.record(z.string(), z.object({ operationId: z.string(), summary: z.string() })),
  ),
});

const started = await startBrowser();

describe.skipIf(typeof started === 'string')(
  'the page "API" of a running Posthorn',
  { timeout: 120_000 },
  () => {
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
      options: { colours?: 'light' | 'dark'; width?: number; origin?: string } = {},
    ) => {
      const { origin = world.origin, ...others } = options;
      const watched = await openPage(browser, { origin, ...others });
      await watched.page.goto(`${origin}/${hash}`);
      return watched;
    };

    const operationsOf = async (): Promise<{ id: string; text: string }[]> => {
      const answer = await fetch(`${world.origin}/openapi.json`);
      const { paths } = documented.parse(await answer.json());
      return Object.entries(paths).flatMap(([path, atPath]) =>
        Object.entries(atPath).map(([method, { operationId, summary }]) => ({
          id: operationId,
          text: `${method.toUpperCase()} ${path} ${summary}`,
        })),
      );
    };

    it('lists all operations, each with its method, path and summary', async () => {
      await using watched = await open('#/api');
      const { page } = watched;
      const links = page.locator('.contents li a');
      await links.first().waitFor();
      const shown: string[] = [];
      for (const link of await links.all()) {
        const href = (await link.getAttribute('href')) ?? '';
        const parts = await link
          .locator('.method, .operation-path, .operation-summary')
          .allInnerTexts();
        shown.push(`${href} ${parts.join(' ')}`);
      }
      const operations = await operationsOf();
      expect(operations.length).toBeGreaterThan(25);
      expect(shown.toSorted()).toEqual(
        operations.map(({ id, text }) => `#/api/${id} ${text}`).toSorted(),
      );
    });

    it('shows every operation, with a way to try it, and axe finds nothing', async () => {
      await using watched = await open('#/api');
      const { page, troubles } = watched;
      await page.locator('.contents li a').first().waitFor();
      for (const { id, text } of await operationsOf()) {
        await page.goto(`${world.origin}/#/api/${id}`);
        await page
          .locator('.reference-one h1')
          .getByText(text.split(' ').slice(2).join(' '))
          .waitFor();
        await page.getByRole('heading', { name: 'Try it' }).waitFor();
        expect([id, await axe(page)]).toEqual([id, []]);
      }
      expect(troubles).toEqual([]);
    });

    it.each([
      ['light', 1280],
      ['dark', 1280],
      ['dark', 360],
    ] as const)(
      'fits %s colours at %i px with all of it opened, and axe finds nothing',
      async (colours, width) => {
        await using watched = await open('#/api', { colours, width });
        const { page, troubles } = watched;
        for (const [name, hash, heading] of [
          ['list', '#/api', 'Posthorn'],
          ['one', '#/api/sendWebhook', 'Send a webhook'],
          ['replay', '#/api/startReplay', 'Send many webhooks again'],
          ['stats', '#/api/showStats', 'Show how it is'],
        ] as const) {
          await page.goto(`${world.origin}/${hash}`);
          await page.locator('main h1').filter({ hasText: heading }).first().waitFor();
          await photograph(page, `reference-closed-${name}-${colours}-${width}`);
          await openAll(page);
          await photograph(page, `reference-${name}-${colours}-${width}`);
          const [scroll, client]: [number, number] = await page.evaluate(
            '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
          );
          expect(client).toBe(width);
          expect(scroll).toBeLessThanOrEqual(client);
          expect(await axe(page)).toEqual([]);
        }
        const [red = '']: string[] = await page.evaluate(
          'getComputedStyle(document.body).color.match(/\\d+/g)',
        );
        // Of the text, which is light on dark.
        expect(Number(red) > 128).toBe(colours === 'dark');
        expect(troubles).toEqual([]);
      },
      120_000,
    );

    it('sends a GET, and shows the answer as text, whatever strangers have put into it', async () => {
      await using watched = await open('#/api/showWebhook');
      const { page, troubles } = watched;
      await page.evaluate('window.hacked = () => { window.wasHacked = true; }');
      await page.locator('.try').getByLabel('id').fill(world.ids.hostile);
      await page.getByRole('button', { name: 'Send GET' }).click();
      await page.locator('.tried .badge').getByText('200').waitFor();
      const shown = JSON.parse((await page.locator('.tried .answer').textContent()) ?? '');
      expect(shown.attempts[0].response_body).toContain(hostileTexts[0]);
      expect(await page.evaluate('window.wasHacked')).toBeUndefined();
      expect(await page.locator('main script, main iframe, main img, main style').count()).toBe(0);
      expect(troubles).toEqual([]);
    });

    it('sends a POST once it is confirmed, with what is typed, and shows the webhook that it made', async () => {
      await using watched = await open('#/api/sendWebhook');
      const { page } = watched;
      const url = `http://127.0.0.1:${world.receiver.port}/tried`;
      await page.locator('.try textarea').fill(JSON.stringify({ url, body: { n: 1 } }));
      await page.getByRole('button', { name: 'Send POST' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Do not send' }).click();
      expect(await page.locator('.tried').count()).toBe(0);
      await page.getByRole('button', { name: 'Send POST' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Send POST' }).click();
      await page.locator('.tried .badge').getByText('202').waitFor();
      const { id } = JSON.parse((await page.locator('.tried .answer').textContent()) ?? '');
      const { rows } = await world.database.pool.query(
        'select url from posthorn.outbox where id = $1',
        [id],
      );
      expect(rows).toEqual([{ url }]);
      await page.locator('.tried').getByText(`/webhooks/${id}`).waitFor();
      await page.locator('.try textarea').fill('{"url": 1}');
      await page.getByRole('button', { name: 'Send POST' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Send POST' }).click();
      await page.locator('.tried .badge').getByText('4').waitFor();
    });

    it('is read without a key, asks for one when a request needs it, and keeps what was typed', async () => {
      await using other = await startEngine(world.database, {
        worker: false,
        api: true,
        env: { POSTHORN_API_KEY: 'k'.repeat(40) },
      });
      await using watched = await open('#/api/showWebhook', { origin: other.address });
      const { page } = watched;
      await page.locator('.try').getByLabel('id').fill(world.ids.delivered);
      await page.getByRole('button', { name: 'Send GET' }).click();
      await page.locator('.tried .badge').getByText('401').waitFor();
      await page.getByRole('button', { name: 'Enter a key' }).click();
      await page.getByLabel('API key').fill('k'.repeat(40));
      await page.getByRole('button', { name: 'Enter' }).click();
      await page.getByRole('button', { name: 'Send GET' }).click();
      await page.locator('.tried .badge').getByText('200').waitFor();
      const curl = (await page.locator('.try .snippet pre').textContent()) ?? '';
      expect(curl).toContain('Authorization: Bearer $POSTHORN_API_KEY');
      expect(curl).not.toContain('kkkk');
    });
  },
);
