import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReceiver } from '../../harness/receiver.ts';
import { openPage, photograph, startBrowser } from '../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { axe } from './looking.ts';

// What somebody sees first: a Posthorn to which nothing has been given yet.

const started = await startBrowser();

describe.skipIf(typeof started === 'string')(
  'a dashboard without webhooks',
  { timeout: 120_000 },
  () => {
    let browser: Browser;
    let database: TestDatabase;
    let engine: Awaited<ReturnType<typeof startEngine>>;

    beforeAll(async () => {
      if (typeof started !== 'string') browser = started;
      database = await createTestDatabase();
      engine = await startEngine(database, { api: true });
    });

    afterAll(async () => {
      await engine[Symbol.asyncDispose]();
      await database.drop();
      await browser.close();
    });

    it.each([
      ['overview', '', 'Ready: nothing has been sent yet'],
      ['events', '#/events', 'No event yet'],
      ['webhooks', '#/webhooks', 'No webhook'],
      ['endpoints', '#/endpoints', 'No endpoint is registered'],
      ['tenants', '#/tenants', 'No tenant yet'],
      ['replays', '#/replays', 'No replay yet'],
      ['settings', '#/settings', 'POSTHORN_RETENTION'],
      [
        'a webhook that is not',
        '#/webhooks/01a20da8-4a3c-7000-8d2f-2f0a5a4c7a11',
        'No webhook with id',
      ],
      ['a page that is not', '#/nothing', 'There is no such page'],
    ])('says in %s what there is and what to do', async (name, hash, shows) => {
      for (const [colours, width] of [
        ['light', 1280],
        ['dark', 390],
      ] as const) {
        await using watched = await openPage(browser, { origin: engine.address, colours, width });
        const { page, troubles } = watched;
        await page.goto(`${engine.address}/${hash}`);
        await page.getByText(shows).first().waitFor();
        await photograph(page, `empty-${name.replaceAll(' ', '-')}-${width}`);
        expect(await axe(page)).toEqual([]);
        const [scroll, client]: [number, number] = await page.evaluate(
          '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
        );
        expect(scroll).toBeLessThanOrEqual(client);
        expect(troubles).toEqual([]);
      }
    });

    // The last two: then there is one.
    it('gives a statement that sends the first webhook when it is pasted, and the same as curl', async () => {
      await using receiver = await startReceiver();
      await using watched = await openPage(browser, { origin: engine.address });
      const { page } = watched;
      await page.goto(`${engine.address}/`);
      await page.getByLabel("Your receiver's URL").fill(`${receiver.url}/it's`);
      const [statement = '', curl = ''] = await page.locator('.snippet pre').allTextContents();
      await database.pool.query(statement);
      await receiver.until((requests) => requests.length === 1);
      // The API answers in this process: it must not wait for the command.
      await promisify(execFile)('sh', ['-c', `${curl} --silent --fail`]);
      await receiver.until((requests) => requests.length === 2);
    });

    it('gives statements that publish the first event when they are pasted', async () => {
      await using receiver = await startReceiver();
      await using watched = await openPage(browser, { origin: engine.address });
      const { page } = watched;
      await page.goto(`${engine.address}/#/events`);
      const statements = (await page.locator('.snippet pre').textContent()) ?? '';
      await database.pool.query(
        statements.replace('http://127.0.0.1:9000/hook', `${receiver.url}/hook`),
      );
      await receiver.until((requests) => requests.length === 1);
      await page.getByText('1 recipient').waitFor();
    });
  },
);
