import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// GET /stats/series: a sample a minute, put together into about as many points for an hour as for a week.

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(
    `insert into posthorn.samples (taken_at, attempts, failures, seconds, p95_ms, waiting, due)
     select now() - n * interval '1 minute', 60, 15, 60, 100 + n % 7, 5, 1 from generate_series(0, 10079) as n`,
  );
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

it.each([
  { hours: 1, stepS: 60, attempts: 60 * 60 },
  { hours: 6, stepS: 120, attempts: 60 * 360 },
  { hours: 24, stepS: 600, attempts: 60 * 1_440 },
  { hours: 168, stepS: 3_600, attempts: 60 * 10_080 },
])('adds the samples of $hours hours up to points of $stepS s', async (expected) => {
  const response = await fetch(`${api.url}/stats/series?hours=${expected.hours}`);
  const series = (await response.json()) as {
    step_s: number;
    points: readonly { attempts: number; per_second: number; success_ratio: number }[];
  };
  expect(response.status).toBe(200);
  expect(series.step_s).toBe(expected.stepS);
  const sum = series.points.reduce((all, { attempts }) => all + attempts, 0);
  // The oldest sample may just have left the period.
  expect(expected.attempts - sum).toBeLessThanOrEqual(60);
  expect(series.points.length).toBeLessThanOrEqual(182);
  expect(series.points.length).toBeGreaterThan(59);
  for (const point of series.points) {
    expect(point).toMatchObject({ per_second: 1, success_ratio: 0.75 });
  }
});
