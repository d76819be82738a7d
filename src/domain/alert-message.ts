// Pure: no I/O, no clock, no randomness.

import type { Severity } from './alert-rules.ts';

/** An alert that people are told of now. */
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

/** More than people read in one message; the table has all of them. */
const mostLines = 20;
const mostAlerts = 100;

/**
 * The body of the webhook that tells of alerts, as JSON: `text`, which Slack and its like show, and `alerts` for programs.
 * One message for all that changed at the same time, so that an outage does not send a thousand.
 */
export function alertMessage(told: readonly ToldAlert[]): string {
  const lines = told.slice(0, mostLines).map(lineOf);
  if (told.length > mostLines) {
    lines.push(`… and ${told.length - mostLines} more: select * from posthorn.alerts`);
  }
  return JSON.stringify({
    text: lines.join('\n'),
    type: 'posthorn.alerts',
    count: told.length,
    alerts: told.slice(0, mostAlerts).map((alert) => ({
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

/** What stands between < and > would be a command to Slack (<!channel>), and a URL may hold it. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
