import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/config/config.ts';

// What counts as trouble: the defaults of the alerts, the rules for Prometheus and what the overview of the dashboard says first.

const { thresholds } = readConfig({}).alerts;

const rules = parse(
  readFileSync(new URL('../../ops/prometheus/alerts.yml', import.meta.url), 'utf8'),
) as { groups: { rules: { alert?: string; expr: string; for?: string }[] }[] };
const rule = (name: string) => {
  const found = rules.groups
    .flatMap((group) => group.rules)
    .find(({ alert }) => alert === `Posthorn${name}`);
  if (found === undefined) throw new Error(`no rule ${name}`);
  return found;
};

it.each([
  ['FailureRate', `> ${thresholds.failurePercent / 100}`],
  ['FailureRate', `[10m]`],
  ['FailureRate', `>= ${thresholds.minAttempts}`],
  ['Backlog', `> ${thresholds.backlog}`],
  ['BacklogOld', `> ${thresholds.backlogAgeMs / 1_000}`],
  ['OldTransaction', `> ${thresholds.xminMs / 1_000}`],
])('the rule %s of Prometheus fires from %s on, as the alert does', (name, bound) => {
  expect(rule(name).expr).toMatch(new RegExp(`${bound.replaceAll(/[[\]]/g, '\\$&')}(?![.\\d])`));
});

it('both wait as long for workers, for breakers and over the same period', () => {
  expect(rule('NoWorker').for).toBe(`${thresholds.noWorkerMs / 60_000}m`);
  expect(rule('ManyBreakersOpen').for).toBe(`${thresholds.breakerOpenMs / 60_000}m`);
  expect(thresholds.windowMs).toBe(600_000);
});

const module = '../../dashboard/verdict.js';
const { verdictOf } = (await import(module)) as {
  verdictOf: (stats: object) => { level: string };
};
const levelOf = (changes: object) =>
  verdictOf({
    ...{
      queue: [],
      workers: [{}],
      window: { attempts: 10, failures: 0 },
      breakers: [],
      alerts: [],
    },
    ...changes,
  }).level;

it('the overview calls bad what an alert fires for, and warns well before', () => {
  const oldest = (s: number) =>
    levelOf({ queue: [{ state: 'due', webhooks: 1, oldest_due_s: s }] });
  const alertS = thresholds.backlogAgeMs / 1_000;
  expect([oldest(alertS), oldest(alertS + 1)]).toEqual(['warning', 'bad']);
  expect([oldest(alertS / 5), oldest(alertS / 5 + 1)]).toEqual(['ok', 'warning']);
  const failing = (attempts: number, percent: number) =>
    levelOf({ window: { attempts, failures: (attempts * percent) / 100 } });
  const { minAttempts, failurePercent } = thresholds;
  expect(failing(minAttempts - 1, 100)).toBe('ok');
  expect(failing(minAttempts, 100)).not.toBe('ok');
  expect(failing(1_000, failurePercent)).not.toBe('ok');
  expect([failing(1_000, 10), failing(1_000, 10.1)]).toEqual(['ok', 'warning']);
});
