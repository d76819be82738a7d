import { describe, expect, it } from 'vitest';
import { alertFindings } from '../../src/domain/alert-findings.ts';
import { alertMessage } from '../../src/domain/alert-message.ts';
import type { AlertFacts, AlertThresholds } from '../../src/domain/alert-rules.ts';

// What alerts say, and from when on, as literals.

const hour = 3_600_000;
const thresholds: AlertThresholds = {
  windowMs: 300_000,
  minAttempts: 20,
  failurePercent: 25,
  endpointFailurePercent: 50,
  backlog: 10_000,
  backlogAgeMs: 300_000,
  breakerOpenMs: 900_000,
  endpointFailingMs: [hour, 24 * hour, 72 * hour],
  disableAfterMs: 120 * hour,
  noWorkerMs: 60_000,
  xminMs: 1_800_000,
  resolveAfterMs: 300_000,
  muted: [],
};
const well: AlertFacts = {
  hold: null,
  total: { attempts: 0, failures: 0, isWaiting: false },
  endpoints: [],
  backlog: { due: 0, oldestMs: null, throttled: { due: 0, oldestMs: null } },
  breakers: [],
  failing: [],
  fullTenants: [],
  workers: { alive: 3, withoutEgress: 0, notClaiming: null },
  horizon: null,
  missingPartitions: [],
  missingKeys: [],
};
const find = (facts: Partial<AlertFacts>) => alertFindings({ ...well, ...facts }, thresholds);
const url = 'https://a.example/';

it.each([
  [0, '0 seconds'],
  [1_499, '1 seconds'],
  [1_500, '2 seconds'],
  [119_000, '119 seconds'],
  [120_000, '2 minutes'],
  [179_999, '2 minutes'],
  [2 * hour - 1, '119 minutes'],
  [2 * hour, '2 hours'],
  [72 * hour - 1, '71 hours'],
  [72 * hour, '3 days'],
  [96 * hour - 1, '3 days'],
])('%i ms are told as %s', (failingMs, told) => {
  const breaker = { key: '7', isOrigin: false, url, failingMs, failures: 9, lastError: 'timeout' };
  expect(find({ breakers: [breaker] })).toEqual([
    {
      rule: 'breaker_open',
      subject: '7',
      severity: 'warning',
      fires: true,
      afterMs: 0,
      step: 1,
      summary: `${url} has failed for ${told}, 9 times in a row, last with timeout: its webhooks wait, and a probe is sent now and then.`,
      detail: {
        url,
        failures: 9,
        last_error: 'timeout',
        failing_s: Math.round(failingMs / 1_000),
      },
    },
  ]);
});

it('an origin that does not answer is told as such', () => {
  const [found] = find({
    breakers: [
      {
        ...{ key: '-8', isOrigin: true, url: 'https://a.example', failingMs: 900_000 },
        ...{ failures: 9, lastError: 'timeout' },
      },
    ],
  });
  expect(found).toMatchObject({
    subject: '-8',
    summary:
      'Nothing at https://a.example has answered for 15 minutes, 9 times in a row, last with timeout: the webhooks of all its endpoints wait, and a probe is sent now and then.',
  });
});

describe('an endpoint that fails', () => {
  const failing = (failingMs: number | null, disabledAs: 'failing' | 'gone' | null = null) =>
    find({ failing: [{ id: 'e', url, failingMs, lastError: null, disabledAs }] });

  it.each([
    [hour - 1, 0],
    [hour, 1],
    [24 * hour - 1, 1],
    [24 * hour, 2],
    [72 * hour - 1, 2],
    [72 * hour, 3],
  ])('is told of by steps: for %i ms, step %i', (failingMs, step) => {
    expect(failing(failingMs)).toMatchObject([
      { rule: 'endpoint_failing', subject: 'e', severity: 'warning', step },
    ]);
  });

  it('says what will become of it, and what has', () => {
    expect(failing(2 * hour)[0]?.summary).toBe(
      `${url} has had no success for 2 hours: it is disabled after 5d.`,
    );
    expect(failing(null, 'failing')).toMatchObject([
      {
        severity: 'critical',
        step: 4,
        summary: `${url} was disabled because it had no success for so long: its webhooks are held until it is enabled.`,
      },
    ]);
    expect(failing(hour, 'gone')[0]?.summary).toContain('because it answered 410 Gone twice:');
  });
});

describe('our own trouble', () => {
  it('that no worker lives fires 15 s early, as evaluations are a minute apart', () => {
    const workers = { alive: 0, withoutEgress: 0, notClaiming: null };
    expect(find({ workers })).toMatchObject([
      { rule: 'no_worker', severity: 'critical', afterMs: 45_000 },
    ]);
  });

  it('that some workers have is told with how many there are', () => {
    const notClaiming = { workers: 2, failingMs: 90_000, error: 'no right' };
    const found = find({ workers: { alive: 3, withoutEgress: 1, notClaiming } });
    expect(found.map(({ summary }) => summary)).toEqual([
      'Claims have failed for 90 seconds on 2 of 3 workers: no right',
      'Most endpoints cannot be reached from 1 of 3 workers: breakers are frozen there.',
    ]);
  });

  it.each([
    [1_799_999, 0],
    [1_800_000, 1],
  ])('a horizon that is pinned for %i ms is found %i times', (pinnedMs, times) => {
    expect(find({ horizon: { pinnedMs, holder: 'somebody' } })).toHaveLength(times);
  });

  it('a full tenant is named, with what that means for it', () => {
    const tenant = { id: 'acme', fullMs: 180_000, maxWaiting: 500 };
    const found = find({
      fullTenants: [true, false].map((refuses) => ({ ...tenant, refuses })),
    });
    const said = 'The tenant "acme" has been full for 3 minutes, with 500 webhooks or more';
    expect(found.map(({ subject, summary }) => [subject, summary])).toEqual([
      ['acme', `${said} that are unfinished: its producers are refused.`],
      ['acme', `${said} that are unfinished: it takes more all the same.`],
    ]);
    const [fresh] = find({ fullTenants: [{ ...tenant, fullMs: 40, refuses: false }] });
    expect(fresh?.summary).toMatch(/^The tenant "acme" is full, with 500 webhooks or more/);
  });

  it('a missing key and a missing partition are named, each of them', () => {
    const found = find({ missingKeys: ['k1', 'k2'], missingPartitions: ['a', 'b'] });
    expect(found.map(({ summary }) => summary)).toEqual([
      expect.stringContaining('missing or wrong: k1, k2.'),
      expect.stringContaining('missing: a, b.'),
    ]);
  });
});

describe('a backlog', () => {
  const backlog = (due: number, oldestMs: number | null, throttledDue = 0) =>
    find({ backlog: { due, oldestMs, throttled: { due: throttledDue, oldestMs: null } } });

  it.each([
    [7_999, 0, []],
    [8_000, 0, [false]],
    [9_999, 0, [false]],
    [10_000, 0, [true]],
    [7_000, 1_000, [false]],
    [7_000, 999, []],
  ])('of %i that are due, and %i that are throttled, fires: %j', (due, throttled, fires) => {
    const found = backlog(due, null, throttled);
    expect(found.map((finding) => finding.fires)).toEqual(fires);
    for (const finding of found) expect(finding).toMatchObject({ afterMs: 45_000 });
  });

  it.each([
    [149_999, []],
    [150_000, [false]],
    [299_999, [false]],
    [300_000, [true]],
  ])('whose oldest is due for %i ms fires: %j', (oldestMs, fires) => {
    expect(backlog(0, oldestMs).map((finding) => finding.fires)).toEqual(fires);
  });
});

it('a message has twenty lines and a hundred alerts at most, and each field of them', () => {
  const told = (n: number) => ({
    id: String(n),
    event: 'fired' as const,
    rule: 'backlog',
    subject: 's',
    severity: 'warning' as const,
    summary: `Alert ${n}.`,
    detail: { n },
    firedAt: '2026-01-01T00:00:00.000Z',
    resolvedAt: null,
  });
  const messageOf = (count: number) =>
    JSON.parse(alertMessage(Array.from({ length: count }, (_, n) => told(n))));
  expect(messageOf(1)).toEqual({
    text: '[warning] Alert 0. (backlog)',
    type: 'posthorn.alerts',
    count: 1,
    alerts: [
      {
        id: '0',
        event: 'fired',
        rule: 'backlog',
        subject: 's',
        severity: 'warning',
        summary: 'Alert 0.',
        detail: { n: 0 },
        fired_at: '2026-01-01T00:00:00.000Z',
        resolved_at: null,
      },
    ],
  });
  expect(messageOf(20).text).not.toContain('more');
  expect(messageOf(21).text).toContain('… and 1 more');
  expect([messageOf(100), messageOf(101)].map(({ alerts }) => alerts.length)).toEqual([100, 100]);
});
