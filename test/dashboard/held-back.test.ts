import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Posthorn } from '../../src/posthorn.ts';
import { openPage, photograph, startBrowser } from '../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { startEngine } from '../support/engine.ts';
import { plantWorker, reported } from '../support/held-worker.ts';
import { inS, plant } from '../support/rows.ts';
import { axe } from './looking.ts';

// What the overview shows of what is held back.

const started = await startBrowser();

describe.skipIf(typeof started === 'string')('held back', { timeout: 120_000 }, () => {
  let browser: Browser;
  let database: TestDatabase;
  let engine: Posthorn;

  beforeAll(async () => {
    if (typeof started !== 'string') browser = started;
    database = await createTestDatabase();
    engine = await startEngine(database, { api: true, worker: false });
  });

  afterAll(async () => {
    await browser.close();
    await engine.stop();
    await database.drop();
  });

  const open = (options: { colours?: 'light' | 'dark'; width?: number } = {}) =>
    openPage(browser, { origin: engine.address, ...options });

  it('is not there while nothing is', async () => {
    await using watched = await open();
    const { page } = watched;
    const answered = page.waitForResponse((response) => response.url().includes('/held-back'));
    await page.goto(engine.address);
    await (await answered).finished();
    await page.getByText('How it went').waitFor();
    expect(await page.getByRole('heading', { name: 'Held back' }).count()).toBe(0);
  });

  describe('is listed, with why, since when and until when', () => {
    let worker: AsyncDisposable;
    let paused = '';

    beforeAll(async () => {
      const endpoint = await registerEndpoint(database, {
        ...{
          url: 'https://shop.example/hook?token=secret',
          description: 'Orders of <b>shop 7</b>',
        },
        ...{ tenant: 'acme', status: 'paused' },
      });
      paused = endpoint.id;
      const failing = { state: 'open', failing_since: inS(-600), open_until: inS(6_000) };
      await plant(database, 'breakers', [
        { ...failing, key: 7, url: 'https://down.example/hook', last_error: 'http_503' },
        {
          ...failing,
          key: 8,
          url: 'https://slow.example/',
          state: 'closed',
          throttled_until: inS(900),
          last_failure_at: inS(-30),
        },
      ]);
      await database.pool.query(
        `insert into posthorn.breakers (key, url, state, failing_since, open_until, last_error)
         values (posthorn.origin_of($1), $1, 'open', now() - interval '2 h', now() - interval '1 s', 'connection_refused')`,
        ['https://gone.example'],
      );
      const since = inS(-75).toISOString();
      worker = await plantWorker(database, {
        number: 1,
        heldBack: [
          reported({ since }),
          reported({
            level: 'tenant',
            name: 'acme',
            reason: 'slots',
            in_flight: 96,
            slots: 96,
            since,
          }),
        ],
      });
    });

    afterAll(() => worker[Symbol.asyncDispose]());

    const lines = async (page: Page): Promise<string[]> => {
      await page.getByRole('heading', { name: 'Held back' }).waitFor();
      return page.evaluate(
        `[...document.querySelectorAll('.held-back tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent.trim()).join(' | '))`,
      );
    };

    it.each(['light', 'dark'] as const)('in %s colours', async (colours) => {
      await using watched = await open({ colours });
      const { page, troubles } = watched;
      await page.goto(engine.address);
      expect(await lines(page)).toEqual(
        [
          /^tenant acme \| uses all slots that it has earned \| 1 min \d+ s \| {2}\| 96 of 96 on worker 1$/,
          /^origin https:\/\/gone\.example \| nothing there answered .* \(connection_refused\) \| 2 h.* \| next probe now \| $/,
          /^origin https:\/\/hangs\.example \| gives no answer, .* \| 1 min \d+ s \| {2}\| 16 of 16 on worker 1$/,
          /^endpoint Orders of <b>shop 7<\/b> \| paused by you \| .* \| {2}\| $/,
          /^url https:\/\/down\.example\/hook \| failed .* \(http_503\) \| 1\d min.* \| next probe in 1 h .* \| $/,
          /^url https:\/\/slow\.example\/ \| told Posthorn to wait .* \| .* \| in 1\d min.* \| $/,
        ].map((line) => expect.stringMatching(line)),
      );
      await photograph(page, `held-back-${colours}`);
      expect(await axe(page)).toEqual([]);
      expect(troubles).toEqual([]);
    });

    it('leads to the endpoint, and to those of the tenant', async () => {
      await using watched = await open();
      const { page } = watched;
      await page.goto(engine.address);
      await lines(page);
      const links = page.locator('.held-back a');
      expect(
        await links.evaluateAll((all) => all.map((link) => link.getAttribute('href'))),
      ).toEqual(['#/endpoints?tenant=acme', `#/endpoints?id=${paused}`]);
      await links.nth(1).click();
      await page.getByRole('button', { name: 'Resume' }).waitFor();
    });

    it('on a phone, where nothing but the table scrolls sideways', async () => {
      await using watched = await open({ width: 390 });
      const { page } = watched;
      await page.goto(engine.address);
      await lines(page);
      await photograph(page, 'held-back-phone');
      const [scroll, client]: [number, number] = await page.evaluate(
        '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
      );
      expect(scroll).toBeLessThanOrEqual(client);
    });
  });
});
