import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.ts';
import { alertChanges, type KnownAlert } from '../../src/domain/alert-changes.ts';
import { alertFindings } from '../../src/domain/alert-findings.ts';
import { alertMessage, type ToldAlert } from '../../src/domain/alert-message.ts';
import { type AlertFacts, alertRules, type Finding } from '../../src/domain/alert-rules.ts';

const { thresholds } = readConfig({}).alerts;

const well: AlertFacts = {
  hold: null,
  total: { attempts: 1_000, failures: 0, isWaiting: false },
  endpoints: [],
  backlog: { due: 0, oldestMs: null, throttled: { due: 0, oldestMs: null } },
  breakers: [],
  failing: [],
  fullTenants: [],
  workers: { alive: 1, withoutEgress: 0, notClaiming: null },
  horizon: null,
  missingPartitions: [],
  missingKeys: [],
};

const { throttled } = well.backlog;

const rate = (attempts: number, failures: number, isWaiting = false) => ({
  attempts,
  failures,
  isWaiting,
});

const find = (facts: Partial<AlertFacts>) => alertFindings({ ...well, ...facts }, thresholds);

describe('the rules', () => {
  it('find nothing when all is well', () => {
    expect(find({})).toEqual([]);
  });

  it('each fire for something', () => {
    const facts: AlertFacts = {
      hold: null,
      total: rate(100, 90),
      endpoints: [{ id: 'a', url: 'https://a.example/', ...rate(100, 90) }],
      backlog: { due: 20_000, oldestMs: 3_600_000, throttled },
      breakers: [
        {
          key: '7',
          isOrigin: false,
          url: 'https://b.example/',
          failingMs: 900_000,
          failures: 9,
          lastError: null,
        },
      ],
      failing: [
        {
          id: 'c',
          url: 'https://c.example/',
          failingMs: 3_600_000,
          lastError: 'timeout',
          disabledAs: null,
        },
      ],
      fullTenants: [{ id: 'acme', fullMs: 60_000, maxWaiting: 9, refuses: true }],
      workers: {
        alive: 0,
        withoutEgress: 1,
        notClaiming: { workers: 1, failingMs: 40_000, error: 'permission denied' },
      },
      horizon: { pinnedMs: 1_800_000, holder: 'somebody' },
      missingPartitions: ['outbox_20260101'],
      missingKeys: ['k1'],
    };
    const fired = alertFindings(facts, thresholds).filter(({ fires }) => fires);
    const held = find({ hold: { kind: 'copy', reason: 'it is a copy' } });
    expect([...fired, ...held].map(({ rule }) => rule).toSorted()).toEqual(
      Object.keys(alertRules).toSorted(),
    );
    const muted = alertFindings(facts, { ...thresholds, muted: ['no_worker', 'backlog'] });
    expect(muted).toHaveLength(fired.length - 2);
  });

  it.each([
    [{ total: rate(100, 25) }, true],
    [{ total: rate(100, 24) }, false],
    [{ total: rate(100, 20) }, false],
    [{ total: rate(19, 19) }, false],
    [{ total: rate(20, 20) }, true],
    [{ total: rate(1, 1) }, false],
    [{ total: rate(0, 0, true) }, false],
    [{ endpoints: [{ id: 'a', url: 'https://a.example/', ...rate(1, 1) }] }, false],
    [{ endpoints: [{ id: 'a', url: 'https://a.example/', ...rate(0, 0, true) }] }, false],
    [{ backlog: { due: 9_999, oldestMs: 0, throttled } }, false],
    [{ backlog: { due: 0, oldestMs: 299_999, throttled } }, false],
  ])('between firing and being over an alert stays as it is: %j', (facts, fires) => {
    expect(find(facts)).toMatchObject([{ fires }]);
  });

  it.each([
    { total: rate(100, 19) },
    { total: rate(1, 0, true) },
    { total: rate(0, 0) },
    { endpoints: [{ id: 'a', url: 'https://a.example/', ...rate(0, 0) }] },
    { backlog: { due: 7_999, oldestMs: 149_999, throttled } },
  ])('what is well enough is not found: %j', (facts) => {
    expect(find(facts)).toEqual([]);
  });
});

it('while the database is held, that nothing is sent is told once, and by one rule', () => {
  const hold = { kind: 'copy', reason: 'This database is a copy' } as const;
  const backlog = { due: 50_000, oldestMs: 3_600_000, throttled };
  expect(
    find({ hold, backlog, workers: { alive: 0, withoutEgress: 0, notClaiming: null } }),
  ).toMatchObject([
    { rule: 'held', severity: 'critical', summary: 'Nothing is sent: This database is a copy.' },
  ]);
});

describe('what waits for a pause of its endpoint to end', () => {
  const long = { due: 50_000, oldestMs: 3_600_000 };

  it('makes no alert of a backlog fire, and keeps those that have fired', () => {
    const backlog = { due: 0, oldestMs: null, throttled: long };
    expect(find({ backlog })).toMatchObject([
      { rule: 'backlog', fires: false },
      { rule: 'backlog_age', fires: false },
    ]);
  });

  it('does not hide that something else is due for too long', () => {
    const backlog = { due: 10_000, oldestMs: 300_000, throttled: long };
    expect(find({ backlog })).toMatchObject([{ fires: true }, { fires: true }]);
  });
});

it.each([
  [14, 23, '61 %'],
  [2, 8, '25 %'],
  [999, 1_000, '100 %'],
])('%i of %i are told as a rounded percentage', (failures, attempts, told) => {
  const endpoints = [{ id: 'a', url: 'https://a.example/', ...rate(40, 30) }];
  const total = rate(10 * attempts, 10 * failures);
  expect(find({ endpoints, total })[0]?.summary).toContain(`${told} of`);
});

describe('what becomes of an alert', () => {
  const one = (given: Partial<Finding>): Finding => ({
    rule: 'backlog',
    subject: '',
    severity: 'warning',
    fires: true,
    afterMs: 0,
    step: 1,
    summary: '',
    detail: {},
    ...given,
  });
  const known = (given: Partial<KnownAlert>): KnownAlert => ({
    id: '1',
    rule: 'backlog',
    subject: '',
    step: 1,
    foundMs: 0,
    clearMs: null,
    ...given,
  });
  const changes = (findings: Finding[], alerts: KnownAlert[]) =>
    alertChanges(findings, { known: alerts, resolveAfterMs: 300_000 }).map(({ kind }) => kind);

  it.each<[string, Finding[], KnownAlert[], string[]]>([
    ['begins when it is found', [one({})], [], ['begin']],
    ['does not begin when it is not bad enough', [one({ fires: false })], [], []],
    ['says how bad it is now', [one({})], [known({})], ['update']],
    ['says so too when it is a little better', [one({ fires: false })], [known({})], ['update']],
    [
      'waits until it has lasted',
      [one({ afterMs: 9 })],
      [known({ step: 0, foundMs: 8 })],
      ['update'],
    ],
    ['fires then', [one({ afterMs: 9 })], [known({ step: 0, foundMs: 9 })], ['tell']],
    ['is told of again with the next step', [one({ step: 2 })], [known({})], ['tell']],
    ['is not told of with a step before', [one({ step: 1 })], [known({ step: 2 })], ['update']],
    ['begins to be over', [], [known({})], ['clear']],
    ['is not over yet', [], [known({ clearMs: 299_999 })], []],
    ['is over', [], [known({ clearMs: 300_000 })], ['resolve']],
    ['comes back', [one({})], [known({ clearMs: 299_999 })], ['return', 'update']],
    ['is forgotten when it was a passing thing', [], [known({ step: 0 })], ['forget']],
    [
      'is forgotten when it gets better before it fired',
      [one({ fires: false })],
      [known({ step: 0 })],
      ['forget'],
    ],
  ])('it %s', (_what, findings, alerts, expected) => {
    expect(changes(findings, alerts)).toEqual(expected);
  });

  it('never fires twice without being resolved in between, whatever the findings', () => {
    const minutes = fc.array(fc.constantFrom('fires', 'holds', 'nothing'), { maxLength: 60 });
    fc.assert(
      fc.property(minutes, (findings) => {
        let alert: KnownAlert | undefined;
        const told: string[] = [];
        for (const found of findings) {
          const now =
            found === 'nothing' ? [] : [one({ fires: found === 'fires', afterMs: 45_000 })];
          for (const change of alertChanges(now, {
            known: alert === undefined ? [] : [alert],
            resolveAfterMs: 300_000,
          })) {
            if (change.kind === 'begin') alert = known({ step: change.step });
            else if (alert === undefined) throw new Error('nothing to change');
            else if (change.kind === 'tell') alert = { ...alert, step: change.finding.step };
            else if (change.kind === 'update') continue;
            else if (change.kind === 'return') alert = { ...alert, clearMs: null };
            else if (change.kind === 'clear') alert = { ...alert, clearMs: 0 };
            else alert = undefined;
            if (change.kind === 'tell' || change.kind === 'resolve') told.push(change.kind);
          }
          if (alert !== undefined) {
            const clearMs = alert.clearMs === null ? null : alert.clearMs + 60_000;
            alert = { ...alert, foundMs: alert.foundMs + 60_000, clearMs };
          }
        }
        expect(told).toEqual(told.map((_, at) => (at % 2 === 0 ? 'tell' : 'resolve')));
      }),
    );
  });
});

describe('the message', () => {
  const told = (given: Partial<ToldAlert>): ToldAlert => ({
    id: '1',
    event: 'fired',
    rule: 'breaker_open',
    subject: '7',
    severity: 'warning',
    summary: 'Something.',
    detail: {},
    firedAt: '2026-01-01T00:00:00.000Z',
    resolvedAt: null,
    ...given,
  });
  const textOf = (alerts: ToldAlert[]) => JSON.parse(alertMessage(alerts)).text;

  it('has a line for each alert', () => {
    const alerts = [told({}), told({ event: 'reminded' }), told({ event: 'resolved' })];
    expect(textOf(alerts)).toBe(
      '[warning] Something. (breaker_open)\n[warning] Still: Something. (breaker_open)\nResolved: Something. (breaker_open)',
    );
  });

  it('gives no orders to Slack, whatever a URL holds', () => {
    expect(textOf([told({ summary: 'https://a/<!channel>&x' })])).toBe(
      '[warning] https://a/&lt;!channel&gt;&amp;x (breaker_open)',
    );
  });

  it('of a thousand alerts fits into a chat and into a webhook', () => {
    const many = Array.from({ length: 1_000 }, () => told({ summary: 'x'.repeat(2_500) }));
    const message = alertMessage(many);
    expect(Buffer.byteLength(message)).toBeLessThan(1_048_576);
    expect(JSON.parse(message)).toMatchObject({ count: 1_000 });
    expect(textOf(many).split('\n')).toHaveLength(21);
    expect(textOf(many)).toContain('… and 980 more');
  });
});
