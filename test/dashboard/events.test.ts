import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPage, photograph, startBrowser } from '../support/browser.ts';
import { type EventsWorld, hostileTenant, startEventsWorld } from './events-world.ts';
import { axe, holds } from './looking.ts';

// Events, their recipients, and tenants, as people see them.

const started = await startBrowser();

describe.skipIf(typeof started === 'string')('the dashboard', { timeout: 120_000 }, () => {
  let browser: Browser;
  let world: EventsWorld;

  beforeAll(async () => {
    if (typeof started !== 'string') browser = started;
    world = await startEventsWorld();
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

  it.each([
    ['events', '#/events', 'user.created'],
    ['event', '#/events/{paid}', 'Who did not receive it, and why?'],
    ['recipients', '#/events/recipients?tenant=acme&event_type=order.paid', 'Explain'],
    ['webhooks-of-events', '#/webhooks', 'notice.sent'],
    ['endpoint', '#/endpoints?id={large}', 'order.paid'],
    ['endpoint-disabled', '#/endpoints?id={disabled}', 'Count missed events'],
    ['tenants', '#/tenants', 'Acme Ltd'],
  ])(
    'shows %s in light and dark, on a desk and a phone, as axe wants it',
    async (name, hash, shows) => {
      for (const [colours, width] of [
        ['light', 1280],
        ['dark', 390],
      ] as const) {
        await using watched = await open(
          hash.replace(
            /\{(\w+)\}/,
            (all, key) => Reflect.get({ ...world.events, ...world.endpoints }, key) ?? all,
          ),
          { colours, width },
        );
        const { page, troubles } = watched;
        await page.getByText(shows).first().waitFor();
        if (name === 'recipients') {
          await page.getByRole('button', { name: 'Explain' }).click();
          await page.getByText('would receive it now').waitFor();
        }
        await photograph(page, `${name}-${colours}-${width}`);
        expect(await axe(page)).toEqual([]);
        const [scroll, client]: [number, number] = await page.evaluate(
          '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
        );
        expect(scroll).toBeLessThanOrEqual(client);
        expect(troubles).toEqual([]);
      }
    },
  );

  it.each(['#/events', '#/events/{hostile}', '#/webhooks', '#/endpoints', '#/tenants'])(
    'shows the id of a tenant as text on the page %s',
    async (hash) => {
      await using watched = await open('dashboard/icon.svg');
      const { page, troubles } = watched;
      await page.addInitScript('window.hacked = () => { window.wasHacked = true; }');
      await page.goto(`${world.origin}/${hash.replace('{hostile}', world.events.hostile)}`);
      await page.getByText(hostileTenant).first().waitFor();
      expect(await page.evaluate('window.wasHacked')).toBeUndefined();
      expect(await page.locator('main img').count()).toBe(0);
      expect(troubles).toEqual([]);
    },
  );

  it('narrows the list of events by tenant, type and recipients, and pages through it', async () => {
    await using watched = await open('#/events');
    const { page, troubles } = watched;
    const rows = page.locator('tbody tr');
    await page.getByLabel('Recipients').selectOption('0');
    await holds(page, 'document.querySelectorAll("tbody tr").length === 1');
    expect(await rows.textContent()).toMatch(/^user\.createdglobex.*no recipient/);
    await page.getByRole('link', { name: 'Clear filter' }).click();
    await rows.nth(4).waitFor();
    await page.getByLabel('Tenant').fill('acme');
    await page.getByLabel('Tenant').press('Enter');
    await holds(page, 'document.querySelectorAll("tbody tr").length === 2');
    await page.getByLabel('Event type').fill('order.cancelled');
    await page.getByLabel('Event type').press('Enter');
    await page.getByRole('heading', { name: 'No event matches' }).waitFor();
    await world.database.pool.query(
      `insert into posthorn.events (tenant, event_type, body)
       select case when n > 60 then 'acme' else '' end, 'many.made', n::text from generate_series(1, 61) as n`,
    );
    await page.goto(`${world.origin}/#/events?event_type=many.made&tenant=&hours=1`);
    await rows.nth(49).waitFor();
    expect(await page.getByLabel('Tenant').getAttribute('placeholder')).toBe(
      'the application itself',
    );
    await page.getByRole('button', { name: 'Older' }).click();
    await rows.nth(59).waitFor();
    expect(await rows.count()).toBe(60);
    expect(troubles).toEqual([]);
  });

  it('leads from an event to its webhooks, and from a webhook to its event and tenant', async () => {
    await using watched = await open('#/events?tenant=acme&event_type=order.paid');
    const { page } = watched;
    await page.locator(`a[href="#/events/${world.events.paid}"]`).click();
    await page.getByText('3 recipients: 2 delivered, 1 failed.').waitFor();
    await page.locator('tbody tr', { hasText: '/refusing' }).getByRole('link').click();
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    const facts = page.locator('.pairs');
    const { rows } = await world.database.pool.query<{ id: string }>(
      `select id from posthorn.webhooks where event_id = $1 and status = 'failed'`,
      [world.events.paid],
    );
    const text = (await facts.textContent()) ?? '';
    expect(text).toContain(`webhook-id${world.events.paid}X-Webhook-ID${rows[0]?.id}`);
    await facts.getByRole('link', { name: 'acme' }).click();
    await page.locator('tbody tr', { hasText: 'order.paid' }).first().waitFor();
    expect(await page.locator('tbody tr', { hasNotText: 'acme' }).count()).toBe(0);
    await page.locator('tbody').getByRole('link', { name: 'order.paid' }).first().click();
    await page.getByRole('heading', { name: 'Who did not receive it, and why?' }).waitFor();
    const explained = await world.database.pool.query<{ why: string }>(
      (await page.locator('.snippet pre').textContent()) ?? '',
    );
    expect(explained.rows.length).toBe(5);
    await page.getByRole('link', { name: 'Replay its webhooks' }).click();
    await page.getByRole('button', { name: 'Count' }).click();
    await page.getByText('1 webhook matches.').waitFor();
  });

  it('says of an event with very many recipients that they are being added, and where they all are', async () => {
    await using watched = await open('dashboard/icon.svg');
    const { page } = watched;
    await page.route('**/events/*', async (route) => {
      const response = await route.fetch();
      const event = await response.json();
      await route.fulfill({ response, json: { ...event, recipients: null, more: true } });
    });
    await page.goto(`${world.origin}/#/events/${world.events.paid}`);
    await page.getByText('3 or more so far').waitFor();
    await page.getByRole('link', { name: 'See all webhooks of this event' }).click();
    await holds(page, 'document.querySelectorAll("tbody tr").length === 3');
  });

  it('says for each endpoint if it receives an event, and why', async () => {
    await using watched = await open('#/events/recipients');
    const { page } = watched;
    await page.getByLabel('Tenant').fill('acme');
    await page.getByLabel('Event type').fill('order.paid');
    const explain = page.getByRole('button', { name: 'Explain' });
    const answers: [path: string, answer: RegExp][] = [
      ['/all', /^yes.*It has subscribed to this type\./],
      ['/large', /^no.*The filter of its subscription does not match the body\./],
      ['/disabled', /^later.*It has subscribed, but it is disabled\./],
      ['/without', /^no.*None of its subscriptions is for this type\./],
    ];
    await page.getByLabel('Body').fill('{"total": 5}');
    await explain.click();
    await page.getByText('2 of 5 endpoints would receive it now.').waitFor();
    for (const [path, answer] of answers)
      expect(await page.locator('tbody tr', { hasText: path }).textContent()).toMatch(answer);
    // The body that was not given decides.
    await page.getByLabel('Body').fill('');
    await explain.click();
    await page.getByText('Its subscription has a filter. Paste the body to find out.').waitFor();
    await page.getByLabel('Event type').fill('not a type');
    await explain.click();
    await page.getByRole('alert').waitFor();
  });

  it('adds and ends a subscription, and says at the field what is wrong with a filter', async () => {
    await using watched = await open(`#/endpoints?id=${world.endpoints.without}`);
    const { page, troubles } = watched;
    const form = page.getByRole('form', { name: 'Add a subscription' });
    // Then it asks for nothing again by itself.
    await page.evaluate(`Object.defineProperty(document, 'hidden', { get: () => true })`);
    await form.getByLabel('Event type').fill('invoice.*');
    await form.getByLabel('Filter').fill('$.total >');
    await form.getByRole('button').click();
    const wrong = form.locator('label', { hasText: 'Filter' }).getByRole('alert');
    await wrong.getByText('filter').waitFor();
    expect(await form.getByLabel('Filter').getAttribute('aria-invalid')).toBe('true');
    await photograph(page, 'subscription-wrong');
    expect(await axe(page)).toEqual([]);
    await form.getByLabel('Filter').fill('$.total > 10');
    await form.getByRole('button').click();
    const row = page.locator('tbody tr', { hasText: 'invoice.*' });
    await row.waitFor();
    expect(await row.textContent()).toContain('($."total" > 10)');
    expect(await wrong.count()).toBe(0);
    await row.getByRole('button', { name: 'End' }).click();
    await page.getByRole('button', { name: 'End the subscription' }).click();
    await page.getByText('It receives no events').waitFor();
    expect(troubles).toEqual([]);
  });

  it('counts what an endpoint has missed, and lets it catch up with that or not', async () => {
    const { endpoints, database } = world;
    const webhooks = async () => {
      const { rows } = await database.pool.query<{ n: number }>(
        'select count(*)::integer as n from posthorn.webhooks where endpoint_id = $1',
        [endpoints.disabled],
      );
      return rows[0]?.n;
    };
    await using watched = await open(`#/endpoints?id=${endpoints.disabled}`);
    const { page, troubles } = watched;
    const catchUp = async () => {
      await page.getByRole('button', { name: 'Count missed events' }).click();
      await page.getByText('It missed 2 events.').waitFor();
      await page.getByRole('button', { name: 'Catch up', exact: true }).click();
      await page.getByRole('button', { name: 'Start catching up' }).click();
    };
    await catchUp();
    await page.getByText('It begins when the endpoint is enabled').waitFor();
    await photograph(page, 'catching-up');
    expect(await axe(page)).toEqual([]);
    await page.getByRole('button', { name: 'Cancel catch-up' }).click();
    await page.getByRole('button', { name: 'Cancel the catch-up' }).click();
    await page.locator('.badge', { hasText: 'cancelled' }).waitFor();
    await page.getByRole('button', { name: 'Enable without catching up' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Enable without' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    expect(await webhooks()).toBe(0);
    await catchUp();
    await page.locator('.badge', { hasText: 'finished' }).waitFor();
    expect(await webhooks()).toBe(2);
    // What it misses from now on arrives when it is enabled.
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByRole('button', { name: 'Disable the endpoint' }).click();
    await page.getByRole('button', { name: 'Enable', exact: true }).waitFor();
    await world.publish('acme', 'order.paid', '{"total": 1}');
    await page.getByRole('button', { name: 'Enable', exact: true }).click();
    await page.getByText(/1 webhook added/).waitFor();
    expect(await webhooks()).toBe(3);
    expect(troubles).toEqual([]);
  });

  it('lists tenants with their endpoints, and leads to what is theirs', async () => {
    await using watched = await open('');
    const { page } = watched;
    await page.getByRole('heading').first().waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('t');
    const row = page.locator('tbody tr', { hasText: 'acme' });
    await row.waitFor();
    expect(await row.textContent()).toMatch(/^acmeAcme Ltd520 in flight, 5,000 waiting/);
    await row.getByRole('link', { name: 'endpoints' }).click();
    await holds(page, 'document.querySelectorAll(".card").length === 5');
  });
});
