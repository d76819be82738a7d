// Pure: no I/O, no clock, no randomness.

import type { Severity } from './alert-rules.ts';

/** An alert that is announced now. */
export interface ToldAlert {
  readonly id: string;
  readonly event: 'fired' | 'reminded' | 'resolved';
  readonly rule: string;
  readonly subject: string;
  readonly severity: Severity;
  readonly summary: string;
  readonly detail: Readonly<Record<string, unknown>>;
  /** RFC 3339. */
  readonly firedAt: string;
  readonly resolvedAt: string | null;
}

/** More than people read in one message; the table posthorn.alerts has all of them. */
const maxLines = 20;
const maxAlerts = 100;

/**
 * Builds the JSON body of an alert webhook: `text`, which Slack and similar tools show, and `alerts` for programs. One
 * message covers everything that changed at the same time, so that an outage does not send a thousand.
 */
export function alertMessage(told: readonly ToldAlert[]): string {
  const lines = told.slice(0, maxLines).map(lineOf);
  if (told.length > maxLines) {
    lines.push(`… and ${told.length - maxLines} more: select * from posthorn.alerts`);
  }
  return JSON.stringify({
    text: lines.join('\n'),
    type: 'posthorn.alerts',
    count: told.length,
    alerts: told.slice(0, maxAlerts).map((alert) => ({
      id: alert.id,
      event: alert.event,
      rule: alert.rule,
      subject: alert.subject,
      severity: alert.severity,
      summary: alert.summary,
      detail: alert.detail,
      fired_at: alert.firedAt,
      resolved_at: alert.resolvedAt,
    })),
  });
}

const words = { fired: '', reminded: 'Still: ', resolved: 'Resolved: ' } as const;

function lineOf({ event, severity, rule, summary }: ToldAlert): string {
  const weight = event === 'resolved' ? '' : `[${severity}] `;
  return escaped(`${weight}${words[event]}${summary} (${rule})`);
}

/** Slack would run text between < and > as a command (<!channel>), and a URL may contain such text. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
