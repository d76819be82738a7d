import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPage, photograph, startBrowser } from '../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { axe, holds } from './looking.ts';

// That the dashboard shows what is in the database, whatever the reader's time zone is and whatever changes while somebody
// looks. No worker runs here, so that nothing changes by itself.

const started = await startBrowser();

describe.skipIf(typeof started === 'string')('the dashboard', { timeout: 120_000 }, () => {
  let browser: Browser;
  let database: TestDatabase;
  let engine: Awaited<ReturnType<typeof startEngine>>;

  beforeAll(async () => {
    if (typeof started !== 'string') browser = started;
    database = await createTestDatabase();
    engine = await startEngine(database, { api: true, worker: false });
  });

  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await database.drop();
    await browser.close();
  });

  const open = (options: { zone?: string; width?: number; colours?: 'light' | 'dark' } = {}) =>
    openPage(browser, { origin: engine.address, ...options });
  const enqueue = async (most: number): Promise<void> => {
    await database.pool.query(
      `insert into posthorn.outbox (url, body)
       select 'http://127.0.0.1:1/' || n, '{}' from generate_series(1, $1) as n`,
      [most],
    );
  };
  /** The ids of all webhooks, newest first. */
  const newest = async (): Promise<string[]> => {
    const { rows } = await database.pool.query<{ id: string }>(
      'select id from posthorn.outbox order by id desc',
    );
    return rows.map(({ id }) => id);
  };

  it.each(['Asia/Tokyo', 'America/Los_Angeles'])(
    'shows times with the day and the hour of a reader in %s, and names the zone',
    async (zone) => {
      // Hours at which the day differs from the one of UTC.
      const hour = zone === 'Asia/Tokyo' ? 20 : 3;
      const day = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);
      const sendAt = new Date(`${day}T${String(hour).padStart(2, '0')}:00:00Z`);
      const { rows } = await database.pool.query<{ id: string }>(
        `insert into posthorn.outbox (url, body, send_at) values ('http://127.0.0.1:1/', '{}', $1) returning id`,
        [sendAt.toISOString()],
      );
      await using watched = await open({ zone });
      const { page } = watched;
      await page.goto(`${engine.address}/#/webhooks/${rows[0]?.id}`);
      const shown = sendAt.toLocaleString('sv-SE', { timeZone: zone });
      await page.getByText('Scheduled. The first attempt is in').waitFor();
      expect(await page.locator('.state').textContent()).toContain(`at ${shown}.`);
      expect(await page.locator('footer').textContent()).toContain(zone);
    },
  );

  it('shows webhooks without a hole after a live tail, however many came meanwhile', async () => {
    await enqueue(180);
    await using watched = await open();
    const { page } = watched;
    await page.goto(`${engine.address}/#/webhooks`);
    const rows = page.locator('tbody tr');
    await rows.nth(49).waitFor();
    await page.getByRole('button', { name: 'Older' }).click();
    await rows.nth(99).waitFor();
    await page.getByLabel('Live tail').check();
    await enqueue(60);
    const [first = ''] = await newest();
    await page.locator(`a[href="#/webhooks/${first}"]`).waitFor();
    await page.getByLabel('Live tail').uncheck();
    await page.getByRole('button', { name: 'Older' }).click();
    await rows.nth(99).waitFor();
    const shown: string[] = await page.evaluate(
      `[...document.querySelectorAll('tbody a')].map(({ hash }) => hash.split('/').pop())`,
    );
    expect(shown).toEqual((await newest()).slice(0, 100));
  });

  it('goes on to older webhooks of a period however long somebody reads', async () => {
    await enqueue(180);
    await using watched = await open();
    const { page } = watched;
    await page.goto(`${engine.address}/#/webhooks?hours=1`);
    const rows = page.locator('tbody tr');
    await rows.nth(49).waitFor();
    await page.evaluate(
      '{ const now = Date.now.bind(Date); Date.now = () => now() + 61_000; } undefined',
    );
    for (const last of [99, 149]) {
      await page.getByRole('button', { name: 'Older' }).click();
      await rows.nth(last).waitFor();
    }
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it.each(['webhooks', 'settings', 'api', 'endpoints', ''])(
    'asks also in a tab that was opened in the background, and again when it is seen: #/%s',
    async (name) => {
      await using watched = await open();
      const { page } = watched;
      await page.addInitScript(
        `Object.defineProperty(document, 'hidden', { get: () => window.isSeen !== true })`,
      );
      const asked: string[] = [];
      page.on('response', (response) => asked.push(new URL(response.url()).pathname));
      await page.goto(`${engine.address}/#/${name}`);
      await page.locator('main h1').first().waitFor();
      await holds(page, `!document.querySelector('main').textContent.includes('Loading …')`);
      if (name !== 'endpoints') return;
      const before = asked.filter((path) => path === '/endpoints').length;
      await page.evaluate(
        `{ window.isSeen = true; document.dispatchEvent(new Event('visibilitychange')); } undefined`,
      );
      await eventually(
        async () => asked.filter((path) => path === '/endpoints').length > before,
        'it asks again',
      );
    },
  );

  it('lets a replay start when counting was given up before it found one', async () => {
    await using watched = await open();
    const { page } = watched;
    // That takes seconds of counting; the answer is the one that is then given.
    await page.route('**/replays', (route) =>
      route.request().method() === 'POST'
        ? route.fulfill({ json: { dry_run: true, matched: 0, is_at_least: true } })
        : route.continue(),
    );
    await page.goto(`${engine.address}/#/replays`);
    await page.getByRole('button', { name: 'Count' }).click();
    await page.getByText('0 or more webhooks match.').waitFor();
    expect(await page.getByRole('button', { name: 'Start' }).isDisabled()).toBe(false);
  });

  it('counts what was tried at an endpoint that never failed', async () => {
    const endpoint = await registerEndpoint(database, { url: 'https://well.example/' });
    await database.pool.query(
      'insert into posthorn.tallies (worker, endpoint_id, attempts, failures) values (1, $1, 446, 0)',
      [endpoint.id],
    );
    await using watched = await open();
    await watched.page.goto(`${engine.address}/#/endpoints?id=${endpoint.id}`);
    await watched.page.getByText('446 attempts in 2 h, 0 failed').waitFor();
  });

  it('says for which webhooks a replay is', async () => {
    await enqueue(3);
    const order = async (filter: object) => {
      const answer = await fetch(`${engine.address}/replays`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ filter }),
      });
      expect(answer.status).toBe(202);
    };
    const ids = (await newest()).slice(0, 3);
    await order({ status: 'failed', ids });
    await order({ status: 'failed', ids, url: 'http://127.0.0.1:1/1' });
    await order({ status: 'failed', from: new Date(Date.now() - 3_600_000).toISOString() });
    await using watched = await open();
    const { page } = watched;
    await page.goto(`${engine.address}/#/replays`);
    await page.locator('.card').nth(2).waitFor();
    const shown = await page.locator('.card .bar > div').allInnerTexts();
    expect(shown.map((text) => text.replace(/^running | enqueued .*$/gs, ''))).toEqual([
      'failed to all endpoints',
      'failed to http://127.0.0.1:1/1, 3 chosen by id',
      'failed 3 chosen by id',
    ]);
  });

  it.each([
    ['a page of a proxy', '<html>Sign in</html>'],
    ['half an answer', '{"webhooks": ['],
  ])(
    'says so when %s comes instead of an answer, and shows the answer that follows',
    async (_, body) => {
      await using watched = await open();
      const { page, troubles } = watched;
      let isBroken = true;
      await page.route('**/stats', (route) =>
        isBroken ? route.fulfill({ body }) : route.continue(),
      );
      await page.goto(`${engine.address}/`);
      await page.getByRole('alert').getByText('did not come from Posthorn').waitFor();
      isBroken = false;
      await page.getByText('How it went').waitFor();
      expect(await page.getByRole('alert').count()).toBe(0);
      expect(troubles).toEqual([]);
    },
  );

  it('leaves a paused endpoint paused when it is not to be disabled', async () => {
    const endpoint = await registerEndpoint(database, { url: 'https://paused.example/' });
    await endpoint.set({ status: 'paused' });
    await using watched = await open();
    const { page } = watched;
    await page.goto(`${engine.address}/#/endpoints?id=${endpoint.id}`);
    await page.getByText('paused by you').waitFor();
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Keep it paused' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Resume' }).waitFor();
  });

  describe('with alerts and samples', () => {
    beforeAll(async () => {
      await database.pool.query(
        `insert into posthorn.alerts (rule, severity, summary, step, fired_at, clear_since)
         values
           ('backlog_age', 'critical', 'The oldest webhook has been due for long.', 1, now() - interval '18 minutes', null),
           ('pinned_xmin', 'warning', 'Dead rows cannot be removed.', 1, now() - interval '2 hours', now() - interval '90 s')`,
      );
      // A gap of 20 minutes, and a lonely point.
      await database.pool.query(
        `insert into posthorn.samples (taken_at, attempts, failures, seconds, p50_ms, p95_ms, p99_ms, waiting, due, oldest_due_s)
         select
           now() - n * interval '1 minute', 600, 60 + n, 60, 900, 70000, case when n = 45 or n < 10 then 119000 end, 51, 51, 200 + n
         from generate_series(1, 55) as n
         where n not between 20 and 40`,
      );
    });

    it('tells of each alert once, with how long it has been so', async () => {
      for (const [colours, width] of [
        ['light', 1280],
        ['dark', 1280],
        ['light', 390],
        ['dark', 390],
      ] as const) {
        await using watched = await open({ colours, width });
        const { page, troubles } = watched;
        await page.goto(`${engine.address}/`);
        await page.locator('.plot canvas').nth(4).waitFor();
        await photograph(page, `truth-${colours}-${width}`);
        const text = (await page.locator('main').textContent()) ?? '';
        expect(text.match(/Dead rows cannot be removed/g)).toHaveLength(1);
        expect(text).toMatch(/An alert has been firing for 2 h\. It has been better for [12] min/);
        // No worker is alive, which says the same and why.
        expect(text).not.toContain('The oldest webhook has been due for long');
        expect(text).toContain('An alert has been firing for 18 min');
        expect(await axe(page)).toEqual([]);
        expect(troubles).toEqual([]);
      }
    });

    it('shows in a chart the values under the pointer and their time', async () => {
      await using watched = await open();
      const { page } = watched;
      await page.goto(`${engine.address}/`);
      const chart = page.locator('.chart').filter({ hasText: 'Oldest due' });
      await chart.locator('canvas').waitFor();
      expect(await chart.locator('.legend').textContent()).toContain('3 min 21 s');
      // The mouse reaches only what is in view.
      await chart.scrollIntoViewIfNeeded();
      const over = await chart.locator('.u-over').boundingBox();
      if (over === null) throw new Error('The chart is not shown');
      // Before the gap of 20 minutes: about 45 minutes ago.
      await page.mouse.move(over.x + over.width / 4, over.y + over.height / 2);
      await holds(
        page,
        `/4 min 0?[3-6]/.test(document.querySelectorAll('.chart .legend')[4].textContent)`,
      );
      expect(await chart.locator('.legend').textContent()).toMatch(/at \d\d:\d\d:\d\d/);
    });

    it('says of a period without points why there are none', async () => {
      await database.pool.query('truncate posthorn.samples');
      await using watched = await open();
      const { page } = watched;
      await page.goto(`${engine.address}/`);
      await page.getByRole('button', { name: 'week' }).click();
      await page
        .getByText('Nothing was measured in this period: no worker is running.')
        .first()
        .waitFor();
    });
  });
});
