import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import program from '@sparticuz/chromium';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { canTest } from '../../harness/can-run.ts';
import { eventually } from './eventually.ts';

const screenshots = fileURLToPath(new URL('../../test-results/dashboard/', import.meta.url));

/** A real browser, or why there is none on this machine. */
export async function startBrowser(): Promise<Browser | string> {
  try {
    const executablePath = await program.executablePath();
    const launch = () =>
      chromium.launch({
        executablePath,
        // Without those of program.args that make it one process: closing a page would end it.
        args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--hide-scrollbars'],
        headless: true,
      });
    // The program has just been unpacked, and a process that was forked meanwhile may hold it open for writing.
    const launchIfFree = () =>
      launch().catch((error: unknown) => {
        if (!String(error).includes('ETXTBSY')) throw error;
        return undefined;
      });
    return await eventually(launchIfFree, 'nobody has the browser open for writing');
  } catch (error) {
    const why = String(error).split('\n')[0] ?? 'unknown';
    canTest(false, `no browser can start here (${why}), which the tests of the dashboard need.`);
    return why;
  }
}

/** What went wrong on a page: errors, refusals of its policy, requests to elsewhere, dialogs. */
export interface Watched {
  readonly page: Page;
  readonly troubles: string[];
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openPage(
  browser: Browser,
  {
    origin,
    colours = 'light',
    width = 1280,
    zone = 'UTC',
  }: {
    readonly origin: string;
    readonly colours?: 'light' | 'dark';
    readonly width?: number;
    /** The time zone of whoever reads. */
    readonly zone?: string;
  },
): Promise<Watched> {
  const context = await browser.newContext({
    colorScheme: colours,
    locale: 'en-US',
    timezoneId: zone,
    viewport: { width, height: 900 },
  });
  // A busy machine is slow, and no test means to find that out.
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted/.test(message.text())) troubles.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:')) {
      troubles.push(`request: ${request.url()}`);
    }
  });
  return { page, troubles, [Symbol.asyncDispose]: () => context.close() };
}

/** Keeps how a page looks, if POSTHORN_TEST_PHOTOGRAPHS says so: for people, as nothing compares the pictures. */
export async function photograph(page: Page, name: string): Promise<void> {
  if ((process.env['POSTHORN_TEST_PHOTOGRAPHS'] ?? '') === '') return;
  mkdirSync(screenshots, { recursive: true });
  const [width, height]: [number, number] = await page.evaluate(
    '[document.documentElement.clientWidth, document.documentElement.scrollHeight]',
  );
  // Of a very long page Chromium without a graphics card may be unable to make a picture.
  const clip = { x: 0, y: 0, width, height: Math.min(height, 6_000) };
  await page.screenshot({ path: `${screenshots}${name}.png`, fullPage: true, clip });
}
