import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPage, startBrowser } from '../support/browser.ts';
import { holds } from './looking.ts';
import { hostileTexts, startWorld, type World } from './world.ts';

// Nothing that strangers can set runs in the dashboard, and nothing that matters happens before it has asked.

const started = await startBrowser();

describe.skipIf(typeof started === 'string')('the dashboard', { timeout: 120_000 }, () => {
  let browser: Browser;
  let world: World;

  beforeAll(async () => {
    if (typeof started !== 'string') browser = started;
    world = await startWorld();
    // So slow that it is under way as long as anybody looks.
    const replayed = await fetch(`${world.origin}/replays`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        filter: {
          status: 'delivered',
          url: `http://127.0.0.1:${world.receiver.port}/many/1`,
        },
        rate_limit_per_s: 0.1,
      }),
    });
    expect(replayed.status).toBe(202);
    await world.database.pool.query(
      `insert into posthorn.endpoints (url, status, status_reason) values ('http://127.0.0.1:1/', 'disabled', 'gone');
       insert into posthorn.breakers (key, url, state, consecutive, trips, failing_since, open_until, last_error)
       select lane, url, 'open', 9, 1, now(), now() + interval '1 day', 'http_500'
       from posthorn.endpoints
       where url like '%/fails'
       on conflict (key) do update set state = 'open', open_until = excluded.open_until`,
    );
    await world.database.pool.query(
      `insert into posthorn.alerts (rule, severity, summary, since, fired_at)
       values ('failure_rate', 'critical', 'x', now(), now()), ('of_another_version', 'warning', 'x', now(), now())`,
    );
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await browser.close();
  });

  const expectNothingRan = async (page: Page) => {
    expect(await page.evaluate('window.wasHacked')).toBeUndefined();
    const built =
      'main :is(script, iframe, img, link, style, base, meta, math, [srcdoc], [onerror])';
    expect(await page.locator(built).count()).toBe(0);
  };

  it('shows what strangers send as text, and runs none of it', async () => {
    await using watched = await openPage(browser, { origin: world.origin });
    const { page, troubles } = watched;
    await page.goto(`${world.origin}/#/webhooks/${world.ids.hostile}`);
    await page.evaluate('window.hacked = () => { window.wasHacked = true; }');
    const answer = page.locator('.answer').first();
    await answer.waitFor();
    const shown = (await answer.textContent()) ?? '';
    for (const text of hostileTexts) expect(shown).toContain(text);
    for (const hash of [
      '#/webhooks',
      '#/endpoints',
      '#/replays',
      '#/',
      `#/webhooks/${world.ids.hostile}`,
    ]) {
      await page.goto(`${world.origin}/${hash}`);
      await page.locator('main h1').first().waitFor();
      await expectNothingRan(page);
    }
    expect(troubles).toEqual([]);
  });

  describe('shows every text of an answer as text, whatever is in it', () => {
    it.each([
      ['the overview', '', ['host', 'version', 'summary']],
      ['webhooks', '#/webhooks', ['url', 'last_error']],
      [
        'a webhook',
        '#/webhooks/{failed}',
        [
          'url',
          'content_type',
          'idempotency_key',
          'reason',
          'error',
          'error_message',
          'response_body',
        ],
      ],
      ['endpoints', '#/endpoints', ['url', 'description', 'last_error', 'status_reason']],
      ['replays', '#/replays', ['url']],
      ['settings', '#/settings', ['name', 'value', 'version']],
    ] as const)('on the page of %s', async (_, hash, shown) => {
      await using watched = await openPage(browser, { origin: world.origin });
      const { page, troubles } = watched;
      await page.goto(`${world.origin}/dashboard/icon.svg`);
      await page.route(
        (url) => !url.pathname.startsWith('/dashboard/') && url.pathname !== '/',
        async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, json: poisoned(await response.json()) });
        },
      );
      await page.goto(`${world.origin}/${hash.replace('{failed}', world.ids.failed)}`);
      await page.evaluate('window.hacked = () => { window.wasHacked = true; }');
      await page.locator('main h1').first().waitFor();
      for (const name of shown) {
        const text = JSON.stringify(`<b>${name}</b>`);
        await holds(page, `document.querySelector('main').textContent.includes(${text})`);
      }
      await expectNothingRan(page);
      // A page with several questions may still ask one.
      await page.unrouteAll({ behavior: 'ignoreErrors' });
      expect(troubles).toEqual([]);
    });
  });

  describe('asks before it acts', () => {
    it.each([
      {
        button: 'Send again',
        hash: '#/webhooks/{delivered}',
        question: 'Send this webhook again?',
        no: 'Do not send it',
        yes: 'Send it again',
        sends: 'POST /webhooks/{delivered}/retry {"force":true}',
      },
      {
        button: 'Cancel webhook',
        hash: '#/webhooks/{waiting}',
        question: 'Cancel this webhook?',
        no: 'Keep the webhook',
        yes: 'Cancel the webhook',
        sends: 'POST /webhooks/{waiting}/cancel {}',
      },
      {
        button: 'Disable',
        hash: '#/endpoints?id={endpoint}',
        question: 'Disable this endpoint?',
        no: 'Keep sending to it',
        yes: 'Disable the endpoint',
        sends: 'POST /endpoints/{endpoint}/disable ',
      },
      {
        button: 'Cancel replay',
        hash: '#/replays',
        question: 'Cancel this replay?',
        no: 'Keep it running',
        yes: 'Cancel the replay',
        sends: /^POST \/replays\/[0-9a-f-]{36}\/cancel $/,
      },
      {
        button: 'Start',
        hash: '#/replays',
        first: 'Count',
        question: /^Replay \d+ webhooks?\?$/,
        no: 'Do not start',
        yes: 'Start the replay',
        sends:
          /^POST \/replays \{"filter":\{"status":"failed","from":"[^"]+"\},"priority":"low"\}$/,
      },
      {
        button: 'Send POST',
        hash: '#/api/disableEndpoint',
        fill: '{endpoint}',
        question: 'Send this POST request?',
        no: 'Do not send',
        yes: 'Send POST',
        sends: /^POST \/endpoints\/[0-9a-f-]{36}\/disable \{\}$/,
      },
    ])('when "$button" is pressed', async (given) => {
      const { button, question, no, yes, sends } = given;
      const ids = { ...world.ids, endpoint: world.endpointId };
      const fill = (text: string) =>
        text.replace(/\{(\w+)\}/g, (all, name) => Reflect.get(ids, name) ?? all);
      await using watched = await openPage(browser, { origin: world.origin });
      const { page } = watched;
      await page.goto(`${world.origin}/${fill(given.hash)}`);
      if (given.first !== undefined) await page.getByRole('button', { name: given.first }).click();
      if (given.fill !== undefined)
        await page.locator('.try').getByLabel('id').fill(fill(given.fill));
      const pressed = page
        .locator('main')
        .getByRole('button', { name: button, exact: true })
        .first();
      await holds(
        page,
        `[...document.querySelectorAll('main button')].some(({ textContent, disabled }) => textContent === '${button}' && !disabled)`,
      );
      const sent: string[] = [];
      page.on('request', (request) => {
        if (request.method() === 'GET') return;
        const { pathname } = new URL(request.url());
        sent.push(`${request.method()} ${pathname} ${request.postData() ?? ''}`);
      });
      const dialog = page.getByRole('dialog', { name: question });
      await pressed.click();
      await dialog.getByRole('button', { name: no, exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      await pressed.click();
      await dialog.waitFor();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await pressed.click();
      await dialog.waitFor();
      expect(sent).toEqual([]);
      const answered = page.waitForResponse((response) => response.request().method() === 'POST');
      await dialog.getByRole('button', { name: yes, exact: true }).click();
      expect((await answered).status()).toBeLessThan(300);
      expect(sent).toEqual([
        typeof sends === 'string' ? fill(sends) : expect.stringMatching(sends),
      ]);
    });
  });
});

/** What the page goes by; everything else is for people. */
const structural =
  /^(id|\w+_id|ids|status|state|severity|rule|priority|next_cursor|waits_for|at|\w+_at|\w+_since|\w+_until)$/;

/** An answer in which every text is hostile, and says which it is. */
function poisoned(value: unknown, name = ''): unknown {
  if (typeof value === 'string') {
    return structural.test(name) ? value : `<img src=x onerror="hacked()"><b>${name}</b>`;
  }
  if (Array.isArray(value)) return value.map((each) => poisoned(each, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      // Also where there happens to be none.
      member === null && nullableTexts.has(key) ? poisoned('', key) : poisoned(member, key),
    ]),
  );
}

const nullableTexts = new Set([
  'error',
  'error_message',
  'last_error',
  'reason',
  'idempotency_key',
]);
