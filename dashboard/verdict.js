import { age, ago, count, percent, seconds } from './format.js';

/** @typedef {{ level: 'warning' | 'bad', what: string, todo: string, link?: string }} Finding */

/**
 * Is it working, what is broken, since when, what to do: most urgent first. What an alert and a figure both say stands there once.
 *
 * @param {any} stats as GET /stats answers
 * @returns {{ level: 'ok' | 'warning' | 'bad', headline: string, facts: string, findings: Finding[] }}
 */
export function verdictOf(stats) {
  /** @type {Finding[]} */
  const findings = [];
  const told = new Set(['breaker_open']);
  /** Adds what a figure shows; of the alerts about the same the worst says how bad it is and since when. */
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
    const waits = dueNow === 0 ? 'nothing is due' : `${webhooks(dueNow)} due`;
    add(
      {
        level: 'bad',
        what: `No worker is alive. Nothing is delivered; ${waits}.`,
        todo: 'Start one: posthorn worker, or posthorn start for everything. Nothing is lost meanwhile.',
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
        todo: 'If the workers are busy, start another. If one endpoint has it all, its receiver is slow: see Endpoints.',
        link: '#/endpoints',
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
        what: `${percent(failures / attempts)} of the attempts of the last five minutes failed.`,
        todo: 'Look at what failed last: one reason at many endpoints is ours, many reasons at one endpoint are its own.',
        link: '#/webhooks?status=failed',
      },
      'failure_rate',
    );
  }
  for (const breaker of stats.breakers) {
    findings.push({
      level: 'warning',
      what: `${breaker.url} has been failing for ${age(breaker.failing_since)}${breaker.last_error === null ? '' : ` (${breaker.last_error})`}.`,
      todo: `Its webhooks wait and lose no attempts. It is tried again ${ago(breaker.next_probe_at)}; when it answers, they are sent.`,
    });
  }
  for (const alert of stats.alerts.filter(({ rule }) => !told.has(rule))) {
    findings.push({
      level: alert.severity === 'critical' ? 'bad' : 'warning',
      what: alert.summary,
      todo: `${sinceOf(alert)} docs/alerts.md says what to do about ${alert.rule}.`,
    });
  }
  findings.sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'));
  const held = stats.queue.reduce(
    (sum, { state, webhooks }) => sum + (state === 'held' ? webhooks : 0),
    0,
  );
  const facts = [
    `${count(stats.workers.length)} ${stats.workers.length === 1 ? 'worker is' : 'workers are'} alive`,
    dueNow === 0 ? 'nothing is due' : dueText,
    failures === 0
      ? 'no attempt of the last five minutes failed'
      : `${count(failures)} of ${count(attempts)} attempts of the last five minutes failed`,
    ...(held === 0
      ? []
      : [`${count(held)} held, as their endpoint fails, asked for a pause or is paused`]),
  ].join(', ');
  const [worst] = findings;
  if (worst === undefined) {
    const headline =
      failures === 0 && held === 0
        ? 'Everything is delivered as it should be'
        : 'Working; not everything at the first try';
    return { level: 'ok', headline, facts, findings };
  }
  const headline =
    worst.level === 'bad' ? 'Deliveries are in trouble' : 'Working, with something to look at';
  return { level: worst.level, headline, facts, findings };
}

const webhooks = (number) => `${count(number)} ${number === 1 ? 'webhook is' : 'webhooks are'}`;

/** An alert that is not found any more is over when it stays so. */
function sinceOf({ fired_at: fired, clear_since: clear }) {
  const better =
    clear === null ? '' : ` It has been better for ${age(clear)} and ends if that lasts.`;
  return `An alert has been firing for ${age(fired)}.${better}`;
}
