import { answerFixed } from './fixed-answer.ts';
import { nextRun } from './next-run.ts';
import type { Route } from './route.ts';

/** Answers a scrape. */
export type Scraper = () => Promise<{ readonly contentType: string; readonly text: string }>;

/** GET /metrics, for Prometheus. */
export function metricsRoute(scrape: Scraper): Route {
  // Writing the text takes some ms of the event loop, and POSTHORN_METRICS_PORT needs no key.
  const answer = nextRun(
    async () => {
      const { contentType, text } = await scrape();
      return { bytes: Buffer.from(text), headers: { 'Content-Type': contentType } };
    },
    { everyMs: 100 },
  );
  return {
    method: 'get',
    path: '/metrics',
    name: 'showMetrics',
    tag: 'operation',
    summary: 'How it does, for Prometheus',
    parameters: 'any',
    answers: { 200: { description: 'Figures.', schema: null, type: 'text/plain' } },
    problems: [],
    handle: async (c) => answerFixed(c, await answer()),
  };
}
