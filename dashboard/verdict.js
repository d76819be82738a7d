import { ago, count, percent, seconds } from './format.js';

/**
 * Is it working, what is broken, since when, what to do: most urgent first.
 *
 * @param {any} stats as GET /stats answers
 * @returns {{ level: 'ok' | 'warning' | 'bad', headline: string, facts: string, findings: { level: 'warning' | 'bad', what: string, todo: string, link?: string }[] }}
 */
export function verdictOf(stats) {
  /** @type {{ level: 'warning' | 'bad', what: string, todo: string, link?: string }[]} */
  const findings = [];
  const due = stats.queue.filter(({ state }) => state === 'due');
  const dueNow = due.reduce((sum, { webhooks }) => sum + webhooks, 0);
  const oldest = Math.max(0, ...due.map(({ oldest_due_s: s }) => s ?? 0));
  if (stats.workers.length === 0) {
    findings.push({
      level: 'bad',
      what: `No worker is alive. Nothing is delivered; ${count(dueNow)} webhooks are due.`,
      todo: 'Start one: posthorn worker, or posthorn start for everything. Nothing is lost meanwhile.',
    });
  } else if (oldest > 60) {
    findings.push({
      level: oldest > 300 ? 'bad' : 'warning',
      what: `${count(dueNow)} webhooks are due, the oldest for ${seconds(oldest)}.`,
      todo: 'If the workers are busy, start another. If one endpoint has it all, its receiver is slow: see Endpoints.',
      link: '#/endpoints',
    });
  }
  const { attempts, failures } = stats.window;
  if (attempts >= 20 && failures / attempts > 0.1) {
    findings.push({
      level: failures / attempts > 0.5 ? 'bad' : 'warning',
      what: `${percent(failures / attempts)} of the attempts of the last five minutes failed.`,
      todo: 'Look at what failed last: one reason at many endpoints is ours, many reasons at one endpoint are its own.',
      link: '#/webhooks?status=failed',
    });
  }
  for (const breaker of stats.breakers) {
    findings.push({
      level: 'warning',
      what: `${breaker.url} has been failing since ${ago(breaker.failing_since)}${breaker.last_error === null ? '' : ` (${breaker.last_error})`}.`,
      todo: `Its webhooks wait and lose no attempts. It is tried again ${ago(breaker.next_probe_at)}; when it answers, they are sent.`,
    });
  }
  const known = new Set(['breaker_open', ...(stats.workers.length === 0 ? ['no_worker'] : [])]);
  for (const alert of stats.alerts.filter(({ rule }) => !known.has(rule))) {
    findings.push({
      level: alert.severity === 'critical' ? 'bad' : 'warning',
      what: alert.summary,
      todo: `Since ${ago(alert.fired_at)}. docs/alerts.md says what to do about ${alert.rule}.`,
    });
  }
  findings.sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'));
  const held = stats.queue.reduce(
    (sum, { state, webhooks }) => sum + (state === 'held' ? webhooks : 0),
    0,
  );
  const facts = [
    `${count(stats.workers.length)} ${stats.workers.length === 1 ? 'worker is' : 'workers are'} alive`,
    dueNow === 0 ? 'nothing is due' : `${count(dueNow)} due, the oldest for ${seconds(oldest)}`,
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
