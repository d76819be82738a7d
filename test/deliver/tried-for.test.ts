import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { triedForMs } from '../../src/deliver/tried-for.ts';
import type { Verdict } from '../../src/domain/classify.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// For how long a webhook has been tried that its receiver refuses. Postgres is asked only if that can end the webhook.

const day = 86_400_000;
const bornMs = Date.parse('2026-01-01T00:00:00Z');
const refused: Verdict = {
  kind: 'retry',
  reason: 'http_429',
  notBeforeMs: 1_000,
  pressure: 'overload',
};

let database: TestDatabase;
let warnings: unknown[];
const log = { debug() {}, info() {}, warn: (fields: object) => warnings.push(fields), error() {} };
/** Where nobody answers, so that a question is noticed. */
const nowhere = new pg.Pool({ connectionString: 'postgres://nobody@127.0.0.1:1/none' });

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await nowhere.end();
  await database.drop();
});

beforeEach(() => {
  warnings = [];
});

function idOf(ms: number, last = '000000000001'): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${last}`;
}

describe('Postgres is asked', () => {
  it.each([
    ['when it is refused and older than a day', refused, day + 1, 0, true],
    ['not when it is a day old', refused, day, 0, false],
    ['when it was refused a hundred times, whatever its id says', refused, -day, 100, true],
    ['not when that was less often', refused, 0, 99, false],
    ['when it is refused without a time', { ...refused, notBeforeMs: undefined }, 2 * day, 0, true],
    [
      'not when it fails otherwise',
      { ...refused, reason: 'http_503', notBeforeMs: undefined },
      2 * day,
      500,
      false,
    ],
    ['not when it was delivered', { kind: 'delivered' } as const, 2 * day, 500, false],
  ])('%s', async (_what, verdict, ageMs, uncounted, isAsked) => {
    const webhook = { webhookId: idOf(bornMs), pastAttempts: 0, uncounted };
    const now = { verdict, nowMs: bornMs + ageMs, scheduleMs: [1_000] };
    expect(await triedForMs({ pool: nowhere, log }, webhook, now)).toBe(0);
    expect(warnings).toHaveLength(isAsked ? 1 : 0);
  });

  it('later when its schedule takes longer than a day', async () => {
    const webhook = { webhookId: idOf(bornMs), pastAttempts: 0, uncounted: 0 };
    const ask = (nowMs: number) =>
      triedForMs({ pool: nowhere, log }, webhook, {
        verdict: refused,
        nowMs,
        scheduleMs: [day, 2 * day],
      });
    await ask(bornMs + 3 * day);
    expect(warnings).toEqual([]);
    await ask(bornMs + 3 * day + 1);
    expect(warnings).toHaveLength(1);
  });
});

it('the answer is the time since its first attempt, or since the first after it was put back', async () => {
  const webhookId = idOf(Date.now() - 10 * day);
  await database.pool.query(
    `insert into posthorn.attempts (webhook_id, number, worker, created_at)
     select $1, n, 1, now() - (6 - n) * interval '1 day' from generate_series(1, 4) as n`,
    [webhookId],
  );
  const daysFor = async (pastAttempts: number) => {
    const webhook = { webhookId, pastAttempts, uncounted: 3 };
    const now = { verdict: refused, nowMs: Date.now(), scheduleMs: [1_000] };
    return Math.round((await triedForMs({ pool: database.pool, log }, webhook, now)) / day);
  };
  expect([await daysFor(0), await daysFor(2), await daysFor(4)]).toEqual([5, 3, 0]);
  expect(warnings).toEqual([]);
});
