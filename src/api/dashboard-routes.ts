import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context, Hono } from 'hono';
import type { ApiEnv } from './api-env.ts';
import { methodNotAllowed } from './base.ts';
import { answerFixed } from './fixed-answer.ts';

/*
 * The dashboard: files of dashboard/ and of two libraries. They are public, because they hold no data and ask the API for all of it.
 *
 * The dashboard shows answers of receivers, which are text from strangers. So the policy allows only these files to run and to
 * load, and no other page to frame it.
 */

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

const folder = fileURLToPath(new URL('../../dashboard/', import.meta.url));
const require = createRequire(import.meta.url);

/** The files by path. Only these are read, so no path can lead to another file. */
const files: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries(
    [
      'index.html',
      'icon.svg',
      'style.css',
      'app.js',
      'api.js',
      'charts.js',
      'parts.js',
      'scales.js',
      'format.js',
      'overview.js',
      'held-back.js',
      'verdict.js',
      'lists.js',
      'events.js',
      'event.js',
      'recipients.js',
      'webhooks.js',
      'webhook.js',
      'endpoints.js',
      'endpoint-events.js',
      'tenants.js',
      'replays.js',
      'settings.js',
      'reference.js',
      'reference-document.js',
      'reference-fields.js',
      'reference-request.js',
      'reference-try.js',
      'reference.css',
    ].map((name) => [name, () => join(folder, name)]),
  ),
  // Resolved at the first request, because a process without an API need not have them.
  'vendor/preact.js': () => join(require.resolve('htm'), '../../preact/standalone.module.js'),
  'vendor/uplot.js': () => join(require.resolve('uplot'), '../uPlot.esm.js'),
  'vendor/uplot.css': () => join(require.resolve('uplot'), '../uPlot.min.css'),
};

/** GET /, /docs and /dashboard/…; the files are read once. */
export function addDashboardRoutes(app: Hono<ApiEnv>): void {
  const read = new Map<string, Buffer<ArrayBuffer>>();
  const answer = (c: Context<ApiEnv>, name: string) => {
    const place = Object.hasOwn(files, name) ? files[name] : undefined;
    if (place === undefined) return c.notFound();
    const content = read.get(name) ?? Buffer.from(readFileSync(place()));
    read.set(name, content);
    return answerFixed(c, {
      bytes: content,
      headers: {
        'Content-Type': types[name.replace(/^.*\./, '')] ?? 'application/octet-stream',
        'Content-Security-Policy': policy,
        'Referrer-Policy': 'no-referrer',
        'Cross-Origin-Opener-Policy': 'same-origin',
        'X-Frame-Options': 'DENY',
      },
    });
  };
  app.get('/', (c) => answer(c, 'index.html'));
  app.all('/', methodNotAllowed('GET, HEAD'));
  // People look for the reference here; it is the page "API".
  app.get('/docs', (c) => c.redirect('/#/api', 302));
  app.all('/docs', methodNotAllowed('GET, HEAD'));
  app.get('/dashboard/*', (c) => answer(c, c.req.path.slice('/dashboard/'.length)));
  app.all('/dashboard/*', methodNotAllowed('GET, HEAD'));
}
