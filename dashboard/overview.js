import { html, useState } from '/dashboard/vendor/preact.js';
import { Chart } from './charts.js';
import { ago, count, milliseconds, percent, priorities, rate, seconds } from './format.js';
import { HeldBack } from './held-back.js';
import { Badge, Empty, Loading, Snippet, Trouble, useAnswer } from './parts.js';
import { steps } from './scales.js';
import { verdictOf } from './verdict.js';

/** @import { SeriesPoint, Stats } from './answers.ts' */

const periods = { 1: 'hour', 6: '6 hours', 24: 'day', 168: 'week' };
/** A point of the charts that is not older counts as the present. */
const freshMs = 180_000;
const states = {
  due: 'due now',
  sending: 'being sent',
  retry: 'waiting for retry',
  scheduled: 'scheduled',
  held: 'held by its endpoint',
};

/** @param {{ theme: string }} props */
export function Overview({ theme }) {
  const [hours, setHours] = useState('1');
  const { data: stats, problem } = useAnswer('/stats', 3_000);
  const { data: lately } = useAnswer('/stats/series?hours=1', 30_000);
  const { data: longer } = useAnswer(hours === '1' ? null : `/stats/series?hours=${hours}`, 30_000);
  const { data: latest } = useAnswer('/webhooks?limit=1', 10_000);
  if (stats === undefined)
    return html`<${Trouble} problem=${problem} />${problem === undefined && html`<${Loading} />`}`;
  const verdict = verdictOf(stats);
  const chart = {
    series: hours === '1' ? lately : longer,
    hours: Number(hours),
    isWorking: stats.workers.length > 0,
    theme,
  };
  const last = lately?.points.findLast(({ at }) => Date.parse(at) > Date.now() - freshMs);
  const { attempts, failures, seconds: window } = stats.window;
  /** @param {string} state */
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
            html`<li class=${level}><b>${what}</b> <span>${todo}</span> ${link && html`<a href=${link.to}>${link.text}</a>`}</li>`,
        )}</ul>`
      }
    </section>
    ${isNew && html`<${First} />`}
    <dl class="tiles">
      <div><dt>Attempts per second</dt><dd>${rate(attempts / window)}</dd><dd class="note">in the last ${seconds(window)}</dd></div>
      <div><dt>Success rate</dt><dd>${percent(attempts === 0 ? null : 1 - failures / attempts)}</dd><dd class="note">${attempts === 0 ? `no attempts in ${seconds(window)}` : `${count(failures)} of ${count(attempts)} failed`}</dd></div>
      <div><dt>Delivery time, p95</dt><dd>${milliseconds(last?.p95_ms)}</dd><dd class="note">${typeof last?.p95_ms === 'number' ? `median ${milliseconds(last.p50_ms)}` : 'no recent deliveries'}</dd></div>
      <div><dt>Due now</dt><dd>${count(inState('due'))}</dd><dd class="note">${inState('due') === 0 ? 'no webhook is due' : `the oldest for ${seconds(oldest)}`}</dd></div>
      <div><dt>Unfinished</dt><dd>${stats.is_estimated ? '≈ ' : ''}${count(stats.queue.reduce((sum, { webhooks }) => sum + webhooks, 0))}</dd><dd class="note">${count(inState('retry'))} waiting for retry</dd></div>
    </dl>
    <${HeldBack} />
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
      <${Chart} ...${chart} title="Attempts" unit="per second" format=${rate} steps=${steps.rate}
        lines=${[
          { label: 'all', of: (/** @type {SeriesPoint} */ p) => p.per_second, colour: '--blue' },
          { label: 'failed', of: failedPerSecond, colour: '--red' },
        ]} />
      <${Chart} ...${chart} title="Success rate" unit="of attempts" format=${percent} steps=${steps.ratio}
        lines=${[{ label: 'success', of: (/** @type {SeriesPoint} */ p) => p.success_ratio, colour: '--green' }]} />
      <${Chart} ...${chart} title="Delivery time" unit="from due to delivered" format=${milliseconds} steps=${steps.milliseconds}
        lines=${[
          { label: 'p50', of: (/** @type {SeriesPoint} */ p) => p.p50_ms, colour: '--green' },
          { label: 'p95', of: (/** @type {SeriesPoint} */ p) => p.p95_ms, colour: '--blue' },
          { label: 'p99', of: (/** @type {SeriesPoint} */ p) => p.p99_ms, colour: '--amber' },
        ]} />
      <${Chart} ...${chart} title="Backlog" unit="webhooks" format=${count} steps=${steps.count}
        lines=${[
          {
            label: 'unfinished',
            of: (/** @type {SeriesPoint} */ p) => p.waiting,
            colour: '--blue',
          },
          { label: 'due', of: (/** @type {SeriesPoint} */ p) => p.due, colour: '--amber' },
        ]} />
      <${Chart} ...${chart} title="Oldest due webhook" unit="due for" format=${seconds} steps=${steps.seconds}
        lines=${[{ label: 'oldest', of: (/** @type {SeriesPoint} */ p) => p.oldest_due_s ?? 0, colour: '--amber' }]} />
    </div>
    <div class="columns">
      <section aria-labelledby="queue-title"><h2 id="queue-title">In the queue, by priority</h2><${Queue} queue=${stats.queue} /></section>
      <section aria-labelledby="workers-title"><h2 id="workers-title">Workers</h2><${Workers} workers=${stats.workers} /></section>
    </div>`;
}

/** @param {SeriesPoint} point */
const failedPerSecond = ({ per_second: perSecond, attempts, failures }) =>
  attempts === 0 ? 0 : (perSecond * failures) / attempts;

/** @param {{ queue: Stats['queue'] }} props */
function Queue({ queue }) {
  if (queue.length === 0)
    return html`<p class="muted">The queue is empty. Every webhook has ended.</p>`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="In the queue, by priority"><table>
    <thead><tr><th scope="col">State</th>${priorities.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
    <tbody>${Object.entries(states).map(
      ([state, label]) =>
        html`<tr><th scope="row">${label}</th>${priorities.map(
          (_, priority) =>
            html`<td class="number">${count(queue.find((part) => part.state === state && part.priority === priority)?.webhooks ?? 0)}</td>`,
        )}</tr>`,
    )}</tbody>
  </table></div>`;
}

/** @param {{ workers: Stats['workers'] }} props */
function Workers({ workers }) {
  if (workers.length === 0)
    return html`<p class="trouble">No worker is running. Start one: <code>posthorn worker</code></p>`;
  return html`<ul class="plain">${workers.map(
    (worker) =>
      html`<li><${Badge} status="delivered">running</${Badge}> <b>${worker.number}</b> on ${worker.host}, pid ${worker.pid}, version ${worker.version} <span class="muted">started ${ago(worker.started_at)}</span></li>`,
  )}</ul>`;
}

/** A receiver for readers who have none yet: it prints each request. And its URL. */
const ownUrl = 'http://127.0.0.1:9000/hook';
const ownReceiver = `node -e 'require("http").createServer((q, s) => q.on("data", (d) => console.log(String(d))).on("end", () => s.end())).listen(9000)'`;

function First() {
  const [url, setUrl] = useState(ownUrl);
  const quoted = url.replaceAll("'", "''");
  const inserted = `insert into posthorn.outbox (url, body)
values ('${quoted}', '{"type": "order.created"}');`;
  const body = JSON.stringify({ url, body: { type: 'order.created' } }).replaceAll("'", "'\\''");
  const sent = `curl -X POST ${location.origin}/webhooks/send -H 'content-type: application/json' \\
  -d '${body}'`;
  return html`<${Empty} title="No webhook yet">
    <p><label>Your receiver's URL <input id="receiver" size="40" value=${url} spellcheck="false" onInput=${(event) => setUrl(event.target.value.trim())} /></label></p>
    ${
      url === ownUrl &&
      html`<p>If you have no receiver yet, start one in another terminal:</p>
        <${Snippet} text=${ownReceiver} />`
    }
    <p>Insert a webhook in the same transaction as your own changes. Posthorn sends it after the commit. If the transaction rolls back, nothing is sent.</p>
    <${Snippet} text=${inserted} />
    <p>Or send one over HTTP:</p>
    <${Snippet} text=${sent} />
  </${Empty}>`;
}
