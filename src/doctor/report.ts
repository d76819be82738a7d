// Pure: no I/O, no clock, no randomness.

import { counted } from './amounts.ts';
import { type Finding, type FindingStatus, worstOf } from './finding.ts';
import type { Repaired } from './repair.ts';

const colours: Readonly<Record<FindingStatus | 'faint', string>> = {
  ok: '32',
  warn: '33',
  fail: '31',
  faint: '2',
};

/** Formats the findings for people: one line per check, and for each that is not ok, its rule and what to do. */
export function textReport(
  findings: readonly Finding[],
  { hasColours }: { readonly hasColours: boolean },
): string {
  const paint = (text: string, colour: FindingStatus | 'faint') =>
    hasColours ? `\u001B[${colours[colour]}m${text}\u001B[0m` : text;
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(width + 8);
  const lines = findings.flatMap(({ check, status, found, rule, remedy }) => {
    const line = `${paint(status.padEnd(4), status)}  ${check.padEnd(width)}  ${oneLine(found)}`;
    if (remedy === null) return [line];
    return [line, paint(`${indent}${rule}`, 'faint'), `${indent}→ ${oneLine(remedy)}`];
  });
  return [...lines, '', summary(findings)].join('\n');
}

/** Formats the findings for programs. */
export function jsonReport(
  findings: readonly Finding[],
  { version, repaired }: { readonly version: string; readonly repaired?: Repaired | undefined },
): string {
  return JSON.stringify({
    posthorn: version,
    status: worstOf(findings),
    checks: findings,
    ...(repaired === undefined ? {} : { repaired }),
  });
}

/** Formats a repair: one webhook, event, lane or subscription per line. */
export function repairReport({ webhooks, lanes, subscriptions }: Repaired): string {
  if (webhooks.length + lanes.length + subscriptions.length === 0) return 'Nothing to repair.';
  return [
    ...lanes.map((lane) => `rebuilt the rules of lane ${lane}`),
    ...subscriptions.map((id) => `corrected the subscription ${id}`),
    ...webhooks.map((id) => `enqueued ${id}`),
  ].join('\n');
}

function summary(findings: readonly Finding[]): string {
  const count = (status: FindingStatus) =>
    findings.filter((finding) => finding.status === status).length;
  return [
    counted(findings.length, 'check'),
    `${count('ok')} ok`,
    counted(count('warn'), 'warning'),
    counted(count('fail'), 'failure'),
  ].join(', ');
}

/** Names from Postgres or an application may contain anything, including control characters for the terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}
