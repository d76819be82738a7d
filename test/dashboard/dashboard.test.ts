import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPage, photograph, startBrowser } from '../support/browser.ts';
import { startEngine } from '../support/engine.ts';
import { axe, holds } from './looking.ts';
import { startWorld, type World } from './world.ts';

// The dashboard as people see it: a real browser, a real Posthorn, a real receiver.

const started = await startBrowser();

describe.skipIf(typeof started === 'string')('the dashboard', { timeout: 120_000 }, () => {
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
    webhooks: { hash: '#/webhooks', shows: '/many/4' },
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

  it.each([360, 390])('shows all of the navigation on a phone of %i px', async (width) => {
    await using watched = await open('', { width });
    const { page } = watched;
    await page.getByText('How it went').waitFor();
    await photograph(page, `navigation-${width}`);
    const entries = page.locator('header nav a');
    const count = await entries.count();
    expect(count).toBeGreaterThan(4);
    const places = await Promise.all(
      Array.from({ length: count }, (_, at) => entries.nth(at).boundingBox()),
    );
    for (const place of places) {
      if (place === null) throw new Error('An entry of the navigation is not shown');
      expect(place.x).toBeGreaterThanOrEqual(0);
      expect(place.x + place.width).toBeLessThanOrEqual(width);
      // As large as a finger needs (WCAG 2.5.8).
      expect(Math.min(place.width, place.height)).toBeGreaterThanOrEqual(24);
    }
    for (const selector of ['html', 'header', 'header nav']) {
      const [scroll, client]: [number, number] = await page.evaluate(
        `(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.querySelector('${selector}'))`,
      );
      expect([selector, scroll <= client, scroll, client]).toEqual([
        selector,
        true,
        scroll,
        client,
      ]);
    }
    const texts: [number, number][] = await page.evaluate(
      '[...document.querySelectorAll("header nav a")].map((entry) => [entry.scrollWidth, entry.clientWidth])',
    );
    for (const [text, room] of texts) expect(text).toBeLessThanOrEqual(room);
    await entries.last().click();
    await page.getByRole('heading', { name: 'Settings in force' }).waitFor();
  });

  it('retries what has failed, after which its timeline says so', async () => {
    await using watched = await open(`#/webhooks/${world.ids.failed}`);
    const { page, troubles } = watched;
    await page.getByRole('button', { name: 'Retry now' }).click();
    await page.getByText('Sent again').waitFor();
    await page.getByText('Attempt 2').waitFor();
    await photograph(page, 'webhook-retried');
    expect(troubles).toEqual([]);
  });

  it('cancels what waits, once that is confirmed', async () => {
    await using watched = await open(`#/webhooks/${world.ids.waiting}`);
    const { page } = watched;
    await page.getByText('Waiting for retry.').waitFor();
    await page.getByRole('button', { name: 'Cancel webhook' }).click();
    const dialog = page.getByRole('dialog', { name: 'Cancel this webhook?' });
    await dialog.getByText('/later').waitFor();
    await photograph(page, 'webhook-cancelling');
    expect(await axe(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Keep the webhook' }).click();
    await page.getByText('Waiting for retry.').waitFor();
    await page.getByRole('button', { name: 'Cancel webhook' }).click();
    await dialog.getByRole('button', { name: 'Cancel the webhook' }).click();
    await page.getByText(/^It was cancelled (just now|.* ago)\. It is not sent/).waitFor();
  });

  it('pauses and resumes, disables and enables an endpoint, and sends a test to it', async () => {
    await using watched = await open(`#/endpoints?id=${world.endpointId}`);
    const { page } = watched;
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByRole('button', { name: 'Disable the endpoint' }).click();
    await page.getByRole('button', { name: 'Enable', exact: true }).click();
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByRole('link', { name: 'See how it went' }).click();
    await page.getByText('Delivered').first().waitFor();
  });

  it('asks one thing for a page of endpoints and one for their sparklines, and pages through them', async () => {
    const { rows } = await world.database.pool.query<{ id: string }>(
      `insert into posthorn.endpoints (url, status)
       select 'http://127.0.0.1:1/' || n, case when n = 1 then 'paused' else 'active' end::posthorn.endpoint_status
       from generate_series(1, 60) as n
       returning id`,
    );
    await using watched = await open('');
    const { page, troubles } = watched;
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(`${world.origin}/#/endpoints`);
    const cards = page.locator('.card');
    await cards.nth(49).waitFor();
    await cards.filter({ hasText: '0 waiting' }).nth(49).waitFor();
    await photograph(page, 'endpoints-many');
    await page.getByRole('link', { name: 'Older' }).click();
    await page.getByText('/fine?').waitFor();
    expect(await cards.count()).toBe(12);
    await page.getByRole('link', { name: 'Newest' }).click();
    await cards.nth(49).waitFor();
    await page.getByLabel('Status').selectOption('paused');
    await holds(page, 'document.querySelectorAll(".card").length === 1');
    expect(new Set(asked.filter((path) => path.includes('endpoints')))).toEqual(
      new Set(['/endpoints', '/stats/endpoints']),
    );
    expect(troubles).toEqual([]);
    await world.database.pool.query('delete from posthorn.endpoints where id = any ($1)', [
      rows.map(({ id }) => id),
    ]);
  });

  it('follows an address that changes while the page is being drawn', async () => {
    await using watched = await open('#/settings');
    const { page } = watched;
    await page.addInitScript(`
      new MutationObserver((_, observer) => {
        if (document.querySelector('nav') === null) return;
        observer.disconnect();
        location.hash = '#/endpoints';
      }).observe(document, { childList: true, subtree: true });
    `);
    await page.reload();
    await page.getByRole('heading', { name: 'Endpoints' }).waitFor();
  });

  it('counts, starts and shows a replay', async () => {
    await using watched = await open('#/replays');
    const { page } = watched;
    const start = page.getByRole('button', { name: 'Start' });
    expect(await start.isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Count' }).click();
    await page.getByText(/match\.$/).waitFor();
    await start.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Start the replay' }).click();
    await page.getByText('finished').waitFor();
    await photograph(page, 'replays-finished');
  });

  it('narrows the list, pages through it and follows it live', async () => {
    await using watched = await open('#/webhooks');
    const { page } = watched;
    const rows = page.locator('tbody tr');
    await rows.nth(49).waitFor();
    await page.getByRole('button', { name: 'Older' }).click();
    await rows.nth(60).waitFor();
    await page.getByLabel('Status').selectOption('failed');
    await holds(page, 'location.hash.includes("status=failed")');
    await page.getByLabel('In id or URL').fill('/FAILS/ord');
    await page.getByLabel('In id or URL').press('Enter');
    await page.getByText('/fails/order').first().waitFor();
    await page.getByRole('link', { name: 'Clear' }).click();
    await page.getByLabel('Live tail').check();
    await world.database.pool.query(
      `insert into posthorn.outbox (url, body) values ('http://127.0.0.1:${world.receiver.port}/while-looking', '{}')`,
    );
    await page.getByText('/while-looking').click();
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  });

  it('is used with the keyboard alone: g and a letter, /, and the link to the content', async () => {
    await using watched = await open('');
    const { page } = watched;
    await page.getByText('How it went').waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.className')).toBe('skip');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await page.keyboard.press('g');
    await page.keyboard.press('e');
    await page.getByRole('heading', { name: 'Endpoints' }).waitFor();
    await page.keyboard.press('/');
    await holds(page, 'document.activeElement.id === "search"');
  });

  it('keeps the colours that somebody chose', async () => {
    await using watched = await open('');
    const { page } = watched;
    await page.getByRole('button', { name: 'Use dark colours' }).click();
    await page.reload();
    await page.getByText('How it went').waitFor();
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
  });

  it('asks for a key where the API does, and shows what it then answers', async () => {
    await using other = await startEngine(world.database, {
      worker: false,
      api: true,
      env: { POSTHORN_API_KEY: 'k'.repeat(40) },
    });
    await using watched = await openPage(browser, { origin: other.address });
    const { page, troubles } = watched;
    await page.goto(`${other.address}/`);
    await page.getByLabel('API key').fill('wrong'.repeat(8));
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.getByRole('alert').getByText('unknown, revoked or expired').waitFor();
    await page.getByLabel('API key').fill('k'.repeat(40));
    await photograph(page, 'key');
    expect(await axe(page)).toEqual([]);
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.getByText('How it went').waitFor();
    await page.getByRole('button', { name: 'Forget key' }).click();
    await page.getByLabel('API key').waitFor();
    expect(troubles).toEqual([]);
  });
});
