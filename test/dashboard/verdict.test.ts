import { expect, it } from 'vitest';

// What the overview says first, from what GET /stats answers.

const module = '../../dashboard/verdict.js';
const { verdictOf } = (await import(module)) as {
  verdictOf: (stats: object) => { level: string; headline: string; facts: string };
};

const calm = {
  queue: [],
  workers: [{}],
  window: { attempts: 10, failures: 0 },
  breakers: [],
  alerts: [],
};

it('says that everything is delivered only when nothing failed and nothing is held', () => {
  const headline = 'Everything is delivered as it should be';
  expect(verdictOf(calm).headline).toBe(headline);
  expect(verdictOf(calm).facts).toBe(
    '1 worker is alive, nothing is due, no attempt of the last five minutes failed',
  );
  const failing = verdictOf({ ...calm, window: { attempts: 1, failures: 1 } });
  expect([failing.level, failing.headline === headline]).toEqual(['ok', false]);
  expect(failing.facts).toContain('1 of 1 attempts of the last five minutes failed');
  const held = verdictOf({ ...calm, queue: [{ state: 'held', webhooks: 7, oldest_due_s: null }] });
  expect([held.level, held.headline === headline]).toEqual(['ok', false]);
  expect(held.facts).toContain('7 held');
});
