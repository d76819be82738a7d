import type { Route } from './route.ts';

/** Answers a scrape. */
export type Scraper = () => Promise<{ readonly contentType: string; readonly text: string }>;

/** GET /metrics, for Prometheus. */
export function metricsRoute(scrape: Scraper): Route {
  return {
    method: 'get',
    path: '/metrics',
    name: 'showMetrics',
    tag: 'operation',
    summary: 'How it does, for Prometheus',
    parameters: 'any',
    answers: { 200: { description: 'Figures.', schema: null, type: 'text/plain' } },
    problems: [],
    handle: async (c) => {
      const { contentType, text } = await scrape();
      return c.body(text, 200, { 'content-type': contentType });
    },
  };
}
