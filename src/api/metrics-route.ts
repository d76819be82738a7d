import type { Hono } from 'hono';
import { type ApiEnv, methodNotAllowed } from './base.ts';

/** Answers a scrape. */
export type Scraper = () => Promise<{ readonly contentType: string; readonly text: string }>;

/** GET /metrics, for Prometheus. */
export function addMetricsRoute(app: Hono<ApiEnv>, scrape: Scraper): void {
  app.get('/metrics', async (c) => {
    const { contentType, text } = await scrape();
    return c.body(text, 200, { 'content-type': contentType });
  });
  app.all('/metrics', methodNotAllowed('GET, HEAD'));
}
