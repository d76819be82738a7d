import { html, useState } from '/dashboard/vendor/preact.js';
import { Chart } from './charts.js';
import { ago, count, milliseconds, percent, rate, seconds } from './format.js';
import { Badge, Empty, Loading, Snippet, Trouble, useAnswer } from './parts.js';
import { verdictOf } from './verdict.js';

const periods = { 1: 'hour', 6: '6 hours', 24: 'day', 168: 'week' };
const states = {
  due: 'due now',
  sending: 'being sent',
  retry: 'wait for a retry',
  scheduled: 'scheduled',
  held: 'held: breaker or pause',
};

/** @param {{ theme: string }} props */
export function Overview({ theme }) {
  const [hours, setHours] = useState('1');
  const { data: stats, problem } = useAnswer('/stats', 3_000);
  const { data: series } = useAnswer(`/stats/series?hours=${hours}`, 30_000);
  const { data: latest } = useAnswer('/webhooks?limit=1', 10_000);
  if (stats === undefined)
    return html`<${Trouble} problem=${problem} />${problem === undefined && html`<${Loading} />`}`;
  const verdict = verdictOf(stats);
  const points = series?.points ?? [];
  const last = points.at(-1);
  const { attempts, failures, seconds: window } = stats.window;
  const inState = (state) =>
    stats.queue
      .filter((part) => part.state === state)
      .reduce((sum, { webhooks }) => sum + webhooks, 0);
  const oldest = Math.max(
    0,
    ...stats.queue.filter(({ state }) => state === 'due').map(({ oldest_due_s: s }) => s ?? 0),
  );
  const isNew = latest !== undefined && latest.webhooks.length === 0;
  return html`
    <${Trouble} problem=${problem} />
    <section class=${`verdict ${verdict.level}`} aria-labelledby="verdict">
      <h1 id="verdict">${isNew && verdict.findings.length === 0 ? 'Ready: nothing has been sent yet' : verdict.headline}</h1>
      ${verdict.findings.length === 0 && html`<p>${verdict.facts}.</p>`}
      ${
        verdict.findings.length > 0 &&
        html`<ul class="findings">${verdict.findings.map(
          ({ level, what, todo, link }) =>
            html`<li class=${level}><b>${what}</b> <span>${todo}</span> ${link && html`<a href=${link}>Look</a>`}</li>`,
        )}</ul>`
      }
    </section>
    ${isNew && html`<${First} />`}
    <dl class="tiles">
      <div><dt>Attempts a second</dt><dd>${rate(attempts / window)}</dd><dd class="note">last 5 minutes</dd></div>
      <div><dt>Success</dt><dd>${percent(attempts === 0 ? null : 1 - failures / attempts)}</dd><dd class="note">${attempts === 0 ? 'nothing tried in 5 minutes' : `${count(failures)} of ${count(attempts)} failed`}</dd></div>
      <div><dt>Delivered in, p95</dt><dd>${milliseconds(last?.p95_ms)}</dd><dd class="note">${last === undefined ? 'nothing measured yet' : `half of them in ${milliseconds(last.p50_ms)}`}</dd></div>
      <div><dt>Due now</dt><dd>${count(inState('due'))}</dd><dd class="note">${oldest === 0 ? 'nobody waits' : `the oldest for ${seconds(oldest)}`}</dd></div>
      <div><dt>Unfinished</dt><dd>${stats.is_estimated ? '≈ ' : ''}${count(stats.queue.reduce((sum, { webhooks }) => sum + webhooks, 0))}</dd><dd class="note">${count(inState('retry'))} wait for a retry</dd></div>
    </dl>
    <div class="bar">
      <h2>How it went</h2>
      <div class="choices" role="group" aria-label="Period">
        ${Object.entries(periods).map(
          ([value, label]) =>
            html`<button type="button" aria-pressed=${hours === value} onClick=${() => setHours(value)}>${label}</button>`,
        )}
      </div>
    </div>
    <div class="charts">
      <${Chart} title="Attempts" unit="a second" theme=${theme} points=${points} format=${rate}
        lines=${[{ label: 'attempts', of: (p) => p.per_second, colour: '--blue' }]} />
      <${Chart} title="Success" unit="of attempts" theme=${theme} points=${points} format=${percent}
        lines=${[{ label: 'success', of: (p) => p.success_ratio, colour: '--green' }]} />
      <${Chart} title="Delivery time" unit="from insert to answer" theme=${theme} points=${points} format=${milliseconds}
        lines=${[
          { label: 'p50', of: (p) => p.p50_ms, colour: '--green' },
          { label: 'p95', of: (p) => p.p95_ms, colour: '--blue' },
          { label: 'p99', of: (p) => p.p99_ms, colour: '--amber' },
        ]} />
      <${Chart} title="Backlog" unit="webhooks" theme=${theme} points=${points} format=${count}
        lines=${[
          { label: 'unfinished', of: (p) => p.waiting, colour: '--blue' },
          { label: 'due', of: (p) => p.due, colour: '--amber' },
        ]} />
      <${Chart} title="Oldest due" unit="waits for" theme=${theme} points=${points} format=${seconds}
        lines=${[{ label: 'oldest', of: (p) => p.oldest_due_s ?? 0, colour: '--amber' }]} />
    </div>
    <div class="columns">
      <section aria-labelledby="queue-title"><h2 id="queue-title">In the queue</h2><${Queue} queue=${stats.queue} /></section>
      <section aria-labelledby="workers-title"><h2 id="workers-title">Workers</h2><${Workers} workers=${stats.workers} /></section>
      <section aria-labelledby="alerts-title"><h2 id="alerts-title">Alerts</h2><${Alerts} alerts=${stats.alerts} /></section>
    </div>`;
}

function Queue({ queue }) {
  if (queue.length === 0) return html`<p class="muted">Empty: every webhook has ended.</p>`;
  const names = ['high', 'normal', 'low'];
  return html`<div class="scroll" tabindex="0" role="group" aria-label="In the queue"><table>
    <thead><tr><th scope="col">Webhooks that</th>${names.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
    <tbody>${Object.entries(states).map(
      ([state, label]) =>
        html`<tr><th scope="row">${label}</th>${names.map(
          (_, priority) =>
            html`<td class="number">${count(queue.find((part) => part.state === state && part.priority === priority)?.webhooks ?? 0)}</td>`,
        )}</tr>`,
    )}</tbody>
  </table></div>`;
}

function Workers({ workers }) {
  if (workers.length === 0)
    return html`<p class="trouble">None is alive. Start one: <code>posthorn worker</code></p>`;
  return html`<ul class="plain">${workers.map(
    (worker) =>
      html`<li><${Badge} status="delivered">alive</${Badge}> <b>${worker.number}</b> on ${worker.host}, pid ${worker.pid}, version ${worker.version} <span class="muted">started ${ago(worker.started_at)}</span></li>`,
  )}</ul>`;
}

function Alerts({ alerts }) {
  if (alerts.length === 0) return html`<p class="muted">None is firing.</p>`;
  return html`<ul class="plain">${alerts.map(
    (alert) =>
      html`<li><${Badge} status=${alert.severity === 'critical' ? 'failed' : 'held'}>${alert.severity}</${Badge}> ${alert.summary} <span class="muted">${ago(alert.fired_at)}</span></li>`,
  )}</ul>`;
}

function First() {
  const sent = `curl -X POST ${location.origin}/webhooks/send -H 'content-type: application/json' \\
  -d '{"url": "https://example.com/hook", "body": {"type": "order.created"}}'`;
  const inserted = `begin;
insert into orders (total) values (99.50);
insert into posthorn.outbox (url, body)
values ('https://example.com/hook', '{"type": "order.created"}');
commit;`;
  return html`<${Empty} title="No webhook yet">
    <p>Insert one in the transaction that makes it true. It is sent when that commits, and never if it does not.</p>
    <${Snippet} text=${inserted} />
    <p>Or over HTTP:</p>
    <${Snippet} text=${sent} />
  </${Empty}>`;
}
