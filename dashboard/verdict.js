import { age, count, dueIn, percent, seconds } from './format.js';

/** @import { Alert, Stats } from './answers.ts' */
/** @typedef {{ level: 'warning' | 'bad', what: string, todo: string, link?: { to: string, text: string } }} Finding */

/**
 * Says if Posthorn works, what is broken and since when, and what to do: most urgent first. If an alert and a figure say the same, it
 * is said once.
 *
 * @param {Pick<Stats, 'queue' | 'workers' | 'window' | 'breakers' | 'alerts'>} stats
 * @returns {{ level: 'ok' | 'warning' | 'bad', headline: string, facts: string, findings: Finding[] }}
 */
export function verdictOf(stats) {
  /** @type {Finding[]} */
  const findings = [];
  const told = new Set(['breaker_open']);
  /**
   * Adds what a figure shows. The alerts about the same say since when, and the worst of them how bad it is.
   *
   * @param {Finding} finding @param {string[]} rules
   */
  const add = (finding, ...rules) => {
    const alerts = stats.alerts.filter(({ rule }) => rules.includes(rule));
    const [alert] = alerts.toSorted((a, b) => Date.parse(a.fired_at) - Date.parse(b.fired_at));
    for (const rule of rules) told.add(rule);
    findings.push({
      ...finding,
      level: alerts.some(({ severity }) => severity === 'critical') ? 'bad' : finding.level,
      todo: alert === undefined ? finding.todo : `${sinceOf(alert)} ${finding.todo}`,
    });
  };
  const due = stats.queue.filter(({ state }) => state === 'due');
  const dueNow = due.reduce((sum, { webhooks }) => sum + webhooks, 0);
  const oldest = Math.max(0, ...due.map(({ oldest_due_s: s }) => s ?? 0));
  const dueText = `${webhooks(dueNow)} due, the oldest for ${seconds(oldest)}`;
  if (stats.workers.length === 0) {
    const waiting = dueNow === 0 ? 'nothing is due' : `${webhooks(dueNow)} due`;
    add(
      {
        level: 'bad',
        what: `No worker is running, so nothing is sent. Now ${waiting}.`,
        todo: 'Start one with "posthorn worker", or everything with "posthorn start". No webhook is lost meanwhile.',
      },
      'no_worker',
      'backlog',
      'backlog_age',
    );
  } else if (oldest > 60) {
    add(
      {
        level: oldest > 300 ? 'bad' : 'warning',
        what: `${dueText}.`,
        todo: 'If the workers are busy, start another one. If most of the webhooks are for one endpoint, its receiver is slow.',
        link: { to: '#/endpoints', text: 'See the endpoints' },
      },
      'backlog',
      'backlog_age',
    );
  }
  const { attempts, failures } = stats.window;
  if (attempts >= 20 && failures / attempts > 0.1) {
    add(
      {
        level: failures / attempts > 0.5 ? 'bad' : 'warning',
        what: `${percent(failures / attempts)} of the attempts failed in the last five minutes.`,
        todo: 'If many endpoints fail with the same error, the cause is on this side. If one endpoint fails, the cause is its receiver.',
        link: { to: '#/webhooks?status=failed', text: 'See the failed webhooks' },
      },
      'failure_rate',
    );
  }
  for (const breaker of stats.breakers) {
    findings.push({
      level: 'warning',
      what: `${breaker.of_origin ? `Nothing at ${breaker.url} has answered` : `${breaker.url} has been failing`} for ${age(breaker.failing_since)}${breaker.last_error === null ? '' : ` (${breaker.last_error})`}.`,
      todo: `${breaker.of_origin ? 'The webhooks of all its endpoints' : 'Its webhooks'} wait and keep their attempts. Posthorn sends one of them as a probe ${dueIn(breaker.next_probe_at)}, and the others when that succeeds.`,
    });
  }
  for (const alert of stats.alerts.filter(({ rule }) => !told.has(rule))) {
    // Its summary is of the time when it was so. Afterwards it must not be read as what is wrong now.
    const isOver = alert.clear_since !== null;
    findings.push({
      level: alert.severity === 'critical' && !isOver ? 'bad' : 'warning',
      what: isOver ? `No longer so: ${alert.summary}` : alert.summary,
      todo: `${sinceOf(alert)} docs/alerts.md says what to do about ${alert.rule}.`,
    });
  }
  findings.sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'));
  const held = stats.queue.reduce(
    (sum, { state, webhooks }) => sum + (state === 'held' ? webhooks : 0),
    0,
  );
  const facts = [
    `${count(stats.workers.length)} ${stats.workers.length === 1 ? 'worker is' : 'workers are'} running`,
    dueNow === 0 ? 'nothing is due' : dueText,
    failures === 0
      ? 'no attempt failed in the last five minutes'
      : `${count(failures)} of ${count(attempts)} attempts failed in the last five minutes`,
    ...(held === 0
      ? []
      : [`${webhooks(held)} held because an endpoint fails, is paused or told Posthorn to wait`]),
  ].join(', ');
  const [worst] = findings;
  if (worst === undefined) {
    const headline =
      failures === 0 && held === 0
        ? 'Everything is delivered as it should be'
        : failures > 0
          ? 'Working, but some attempts failed'
          : 'Working, but some webhooks are held';
    return { level: 'ok', headline, facts, findings };
  }
  const headline =
    worst.level === 'bad' ? 'Something is broken' : 'Working, but something needs your attention';
  return { level: worst.level, headline, facts, findings };
}

/** @param {number} number */
const webhooks = (number) => `${count(number)} ${number === 1 ? 'webhook is' : 'webhooks are'}`;

/** An alert whose condition no longer holds ends if that lasts. @param {Alert} alert */
function sinceOf({ fired_at: fired, clear_since: clear }) {
  const better =
    clear === null ? '' : ` It has been better for ${age(clear)} and ends if that lasts.`;
  return `An alert has been firing for ${age(fired)}.${better}`;
}
