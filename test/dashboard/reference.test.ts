import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPage, photograph, startBrowser } from '../support/browser.ts';
import { axe, holds, openAll } from './looking.ts';
import { fixture } from './openapi-fixture.ts';
import { hostileTexts, startWorld, type World } from './world.ts';

// The page "API" and a document of every shape that OpenAPI allows and the page reads: the real document has not all of them.

const started = await startBrowser();

describe.skipIf(typeof started === 'string')('the page "API"', { timeout: 120_000 }, () => {
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
    options: { colours?: 'light' | 'dark'; width?: number; document?: object } = {},
  ) => {
    const { document = fixture, ...others } = options;
    const watched = await openPage(browser, { origin: world.origin, ...others });
    await watched.page.route('**/openapi.json', (route) => route.fulfill({ json: document }));
    await watched.page.goto(`${world.origin}/${hash}`);
    return watched;
  };

  it('says of each field its type, its rules, its default and whether it must be given', async () => {
    await using watched = await open('#/api/sendWebhook');
    const { page } = watched;
    await page.getByRole('heading', { name: 'Send a webhook' }).waitFor();
    const field = (name: string) =>
      page.locator('.field').filter({ has: page.getByText(name, { exact: true }) });
    expect(await field('Idempotency-Key').innerText()).toMatch(
      /header, string; 1 to 255 characters\s+The same again answers the same\.$/,
    );
    expect(await field('url').innerText()).toMatch(
      /string \(uri\) or null; at most 2048 characters\s+Where it goes\.$/,
    );
    expect(await field('body').innerText()).toContain('required');
    expect(await field('priority').innerText()).toMatch(
      /"high" or "normal" or "low"; default "normal"$/,
    );
    expect(await field('headers').innerText()).toMatch(/object; at most 50 fields$/);
    await page.getByText('application/problem+json').click();
    expect(await page.locator('.answers .field.depth-1').innerText()).toMatch(/^field\s+string$/);
    await page.getByText('"unknown_field"').waitFor();
  });

  it('follows references, puts parts together and stops where a schema holds itself', async () => {
    await using watched = await open('#/api/getEndpoint');
    const { page } = watched;
    await page.getByText('There is none.').waitFor();
    await page.getByText('application/json', { exact: true }).click();
    const names = await page.locator('.answers details[open] .field-name').allInnerTexts();
    expect(names.slice(0, 3)).toEqual(['id', 'breaker', 'state']);
    expect(names.length).toBeLessThan(20);
  });

  it('groups operations by tag, in the order of the document, with the scope that each needs', async () => {
    await using watched = await open('#/api');
    const { page } = watched;
    await page.getByText('Whether it lives').waitFor();
    expect(await page.locator('.contents h2').allInnerTexts()).toEqual([
      'Webhooks',
      'Endpoints',
      'Health',
    ]);
    expect(await page.locator('.contents .badge').allInnerTexts()).toEqual([
      'scope send',
      'scope read',
      'no key',
    ]);
  });

  it('is searched, and steered with the keyboard alone', async () => {
    await using watched = await open('');
    const { page } = watched;
    await page.getByText('How it went').waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('a');
    await page.getByText('Whether it lives').waitFor();
    await page.keyboard.press('/');
    await holds(page, 'document.activeElement.id === "search"');
    await page.keyboard.type('endpoint');
    await holds(page, 'document.querySelectorAll(".contents li").length === 1');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await holds(page, 'document.activeElement.textContent === "Show an endpoint"');
    expect(await page.title()).toBe('getEndpoint · Posthorn');
    await page.keyboard.press('/');
    await page.keyboard.press('Escape');
    await page.keyboard.type('health');
    await page.keyboard.press('Enter');
    await holds(page, 'document.activeElement.textContent === "Whether it lives"');
    await page.getByLabel('Search').fill('nothing of the sort');
    await page.getByText('No operation matches "nothing of the sort".').waitFor();
  });

  it('writes curl that a shell reads as it was typed, with what is typed', async () => {
    await using watched = await open('#/api/sendWebhook');
    const { page } = watched;
    await page.getByLabel('Idempotency-Key').fill("it's $HOME");
    await page.getByLabel('Body').fill(`{"url": "http://x/?a='b'"}`);
    const curl = (await page.locator('.try .snippet pre').textContent()) ?? '';
    expect(curl.split('\n')).toEqual([
      `curl -i -X POST '${world.origin}/webhooks/send' \\`,
      `  -H 'Idempotency-Key: it'\\''s $HOME' \\`,
      `  -H 'content-type: application/json' \\`,
      String.raw`  -d '{"url": "http://x/?a='\''b'\''"}'`,
    ]);
    await page.getByLabel('Body').fill('{"url": ');
    await page.getByText('This is not JSON').waitFor();
    await page.goto(`${world.origin}/#/api/getEndpoint`);
    await page.getByText('/endpoints/01a20da8').waitFor();
    await page.getByLabel('id').fill('a/b?c');
    await page.getByText(`${world.origin}/endpoints/a%2Fb%3Fc`).waitFor();
    await page.goto(`${world.origin}/#/api/sendWebhook`);
    await page.getByText('http://x/').first().waitFor({ state: 'detached' });
  });

  it('shows a document as text, whatever is in it', async () => {
    const text = hostileTexts.join(' ');
    await using watched = await open('#/api', {
      document: {
        ...fixture,
        info: {
          title: text,
          version: text,
          description: `[click](javascript:hacked()) \`${text}\` ${text}`,
        },
        paths: {
          [`/${text}`]: {
            get: {
              operationId: 'hostile',
              summary: text,
              description: text,
              tags: [text],
              responses: { '200': { description: text } },
            },
          },
        },
      },
    });
    const { page, troubles } = watched;
    await page.evaluate('window.hacked = () => { window.wasHacked = true; }');
    await page.locator('.contents li a').click();
    await page.locator('.answers li').waitFor();
    expect(await page.evaluate('window.wasHacked')).toBeUndefined();
    expect(await page.locator('main script, main iframe, main img, main style').count()).toBe(0);
    expect(await page.locator('main a[href^="javascript"]').count()).toBe(0);
    expect(troubles).toEqual([]);
  });

  it('is where /docs leads', async () => {
    const answer = await fetch(`${world.origin}/docs`, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/#/api']);
    const other = await fetch(`${world.origin}/docs`, { method: 'POST' });
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('says so when there is no such operation, and when there is no document', async () => {
    await using watched = await open('#/api/nothing');
    const { page } = watched;
    await page.getByText('There is no operation "nothing"').waitFor();
    await page.route('**/openapi.json', (route) =>
      route.fulfill({ status: 500, json: { detail: 'It broke' } }),
    );
    await page.reload();
    await page.getByRole('alert').getByText('It broke').waitFor();
  });

  describe.each(['light', 'dark'] as const)('in %s colours', (colours) => {
    it.each(['', '/sendWebhook'])('has nothing that axe finds at #/api%s', async (path) => {
      await using watched = await open(`#/api${path}`, { colours });
      await watched.page.getByText('Send a webhook').first().waitFor();
      await openAll(watched.page);
      await photograph(watched.page, `fixture${path.replace('/', '-')}-${colours}`);
      expect(await axe(watched.page)).toEqual([]);
      expect(watched.troubles).toEqual([]);
    });
  });

  it.each([360, 390])('fits on a phone of %i px', async (width) => {
    for (const path of ['', '/sendWebhook', '/getEndpoint']) {
      await using watched = await open(`#/api${path}`, { width });
      await watched.page.locator('main h1').first().waitFor();
      await openAll(watched.page);
      const [scroll, client]: [number, number] = await watched.page.evaluate(
        '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
      );
      expect([path, scroll <= client]).toEqual([path, true]);
    }
  });
});
