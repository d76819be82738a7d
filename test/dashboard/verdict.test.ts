import { expect, it } from 'vitest';

// What the overview says first, from what GET /stats answers.

const module = '../../dashboard/verdict.js';
const { verdictOf } = (await import(module)) as {
  verdictOf: (stats: object) => {
    level: string;
    headline: string;
    facts: string;
    findings: { level: string; what: string; todo: string }[];
  };
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
    '1 worker is running, nothing is due, no attempt failed in the last five minutes',
  );
  const failing = verdictOf({ ...calm, window: { attempts: 1, failures: 1 } });
  expect([failing.level, failing.headline]).toEqual(['ok', 'Working, but some attempts failed']);
  expect(failing.facts).toContain('1 of 1 attempts failed in the last five minutes');
  const held = verdictOf({ ...calm, queue: [{ state: 'held', webhooks: 7, oldest_due_s: null }] });
  expect([held.level, held.headline]).toEqual(['ok', 'Working, but some webhooks are held']);
  expect(held.facts).toContain('7 webhooks are held');
});

it('tells once of what a figure and alerts both say: as it is now, and since when', () => {
  const firedAt = new Date(Date.now() - 1_080_000).toISOString();
  const alert = (rule: string, severity: string) => ({
    rule,
    severity,
    summary: `the text of ${rule}`,
    fired_at: firedAt,
    clear_since: null,
  });
  const alerts = [
    alert('backlog_age', 'critical'),
    alert('backlog', 'warning'),
    alert('failure_rate', 'critical'),
    alert('egress_down', 'critical'),
  ];
  const queue = [{ state: 'due', webhooks: 51, oldest_due_s: 290 }];
  const { findings } = verdictOf({
    ...calm,
    queue,
    alerts,
    window: { attempts: 40, failures: 10 },
  });
  expect(findings.map(({ what }) => what)).toEqual([
    '51 webhooks are due, the oldest for 4 min 50 s.',
    '25 % of the attempts failed in the last five minutes.',
    'the text of egress_down',
  ]);
  for (const { level, todo } of findings) {
    expect(level).toBe('bad');
    expect(todo).toContain('An alert has been firing for 18 min');
  }
  const better = verdictOf({ ...calm, alerts });
  expect(better.findings.map(({ what }) => what).toSorted()).toEqual(
    alerts.map(({ rule }) => `the text of ${rule}`).toSorted(),
  );
});

it('does not say of what an alert told, and is over, that it is so', () => {
  const minuteAgo = new Date(Date.now() - 60_000).toISOString();
  const held = { rule: 'held', severity: 'critical', summary: 'Nothing is sent.' };
  const times = { fired_at: minuteAgo, clear_since: minuteAgo };
  const verdict = verdictOf({ ...calm, alerts: [{ ...held, ...times }] });
  expect([verdict.level, verdict.headline]).toEqual([
    'warning',
    'Working, but something needs your attention',
  ]);
  expect(verdict.findings).toMatchObject([
    {
      what: 'No longer so: Nothing is sent.',
      todo: expect.stringContaining('It has been better for 1 min'),
    },
  ]);
});
