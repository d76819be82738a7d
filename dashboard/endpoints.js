import { html, useState } from '/dashboard/vendor/preact.js';
import { ask, post, query } from './api.js';
import { Sparkline } from './charts.js';
import { ago, count, cut, shortId } from './format.js';
import { Action, Badge, Empty, Loading, Snippet, Trouble, useAnswer } from './parts.js';

const limits = [
  ['max_in_flight', 'in flight at most'],
  ['rate_limit_per_s', 'a second at most'],
];

/** @param {{ parameters: URLSearchParams }} props */
export function Endpoints({ parameters }) {
  const only = parameters.get('id');
  const [older, setOlder] = useState({ rows: [], cursor: undefined, problem: undefined });
  const { data, problem, again } = useAnswer(
    only === null ? '/endpoints?limit=50' : `/endpoints/${encodeURIComponent(only)}`,
    4_000,
  );
  const first = only === null ? (data?.endpoints ?? []) : data === undefined ? [] : [data];
  const rows = [...first, ...older.rows];
  const ids = rows.slice(0, 200).map(({ id }) => id);
  const { data: pulses } = useAnswer(
    ids.length === 0 ? null : `/stats/endpoints${query({ ids: ids.join(',') })}`,
    15_000,
  );
  const cursor = older.cursor === undefined ? data?.next_cursor : older.cursor;
  const more = async () => {
    try {
      const page = await ask(`/endpoints${query({ limit: 50, cursor })}`);
      setOlder({
        rows: [...older.rows, ...page.endpoints],
        cursor: page.next_cursor,
        problem: undefined,
      });
    } catch (error) {
      setOlder({ ...older, problem: error });
    }
  };
  return html`
    <h1>Endpoints</h1>
    ${only !== null && html`<p><a href="#/endpoints">← All endpoints</a></p>`}
    <${Trouble} problem=${problem ?? older.problem} />
    ${data === undefined && problem === undefined && html`<${Loading} />`}
    ${data !== undefined && rows.length === 0 && html`<${None} />`}
    <ul class="cards">${rows.map((endpoint) => html`<${Card} key=${endpoint.id} endpoint=${endpoint} pulse=${pulses?.endpoints[endpoint.id] ?? []} again=${again} />`)}</ul>
    ${typeof cursor === 'string' && html`<p class="actions"><button type="button" onClick=${more}>Older</button></p>`}`;
}

const unknown = {
  breaker: { state: 'closed', consecutive_failures: 0, paused_until: null },
  backlog: { waiting: null, delivering: null, is_at_least: false, oldest_due_at: null },
};

/** The list has the settings alone; how it goes is asked for each that is shown. */
function Card({ endpoint: listed, pulse, again: listAgain }) {
  const { data, again: lookAgain } = useAnswer(`/endpoints/${listed.id}`, 6_000);
  const endpoint = { ...unknown, ...listed, ...data };
  const again = () => {
    lookAgain();
    listAgain();
  };
  const { id, status, breaker, backlog } = endpoint;
  const act = (name) => () => post(`/endpoints/${id}/${name}`);
  const [sent, setSent] = useState(undefined);
  const health =
    status !== 'active'
      ? status
      : breaker.state === 'open'
        ? 'failing'
        : breaker.consecutive_failures > 0
          ? 'shaky'
          : 'healthy';
  const badge = { healthy: 'delivered', shaky: 'held', failing: 'failed' }[health] ?? 'cancelled';
  return html`<li class="card">
    <div class="card-head">
      <div class="card-name">
        <${Badge} status=${badge}>${health}</${Badge}> <b class="url">${cut(endpoint.url, 200)}</b>
        ${endpoint.description !== '' && html`<div class="muted">${cut(endpoint.description, 200)}</div>`}
      </div>
      <${Sparkline} pulse=${pulse} />
    </div>
    <p class="facts">
      ${count(backlog.waiting)}${backlog.is_at_least ? ' or more' : ''} waiting${backlog.oldest_due_at !== null && html`, the oldest due ${ago(backlog.oldest_due_at)}`}; ${count(backlog.delivering)} being sent
      ${breaker.state === 'open' && html` · <b>failing since ${ago(breaker.failing_since)}</b> (${breaker.last_error ?? 'unknown'}), next probe ${ago(breaker.next_probe_at)}`}
      ${breaker.state !== 'open' && breaker.consecutive_failures > 0 && html` · ${count(breaker.consecutive_failures)} failures in a row (${breaker.last_error})`}
      ${breaker.paused_until !== null && html` · asked for a pause until ${ago(breaker.paused_until)}`}
      ${status !== 'active' && html` · ${status} ${ago(endpoint.status_since)}${endpoint.status_reason === null ? '' : ` (${endpoint.status_reason})`}`}
      ${limits.map(([name, label]) => endpoint[name] !== null && html` · ${endpoint[name]} ${label}`)}
      ${endpoint.ordered && ' · in order'}
      ${!endpoint.has_secret && html` · <b>not signed</b>`}
    </p>
    <div class="actions">
      ${status === 'active' && html`<${Action} label="Pause" act=${act('pause')} onDone=${again} />`}
      ${status === 'paused' && html`<${Action} label="Resume" kind="primary" act=${act('resume')} onDone=${again} />`}
      ${status === 'disabled' && html`<${Action} label="Enable" kind="primary" act=${act('enable')} onDone=${again} />`}
      ${status !== 'disabled' && html`<${Action} label="Disable" act=${act('disable')} onDone=${again} confirm="Nothing is sent to it until it is enabled again. What waits is kept." />`}
      <${Action} label="Send test" act=${act('test')} onDone=${setSent} />
      ${sent !== undefined && html`<a href=${`#/webhooks/${sent.id}`}>See how it went</a>`}
      <a href=${`#/webhooks${query({ endpoint_id: id })}`}>Webhooks</a>
      <span class="id muted" title=${id}>${shortId(id)}</span>
    </div>
  </li>`;
}

function None() {
  const made = `curl -X POST ${location.origin}/endpoints -H 'content-type: application/json' \\
  -d '{"url": "https://example.com/hook", "max_in_flight": 10}'`;
  return html`<${Empty} title="No endpoint is registered">
    <p>Webhooks can go to any URL. An endpoint that is registered has a secret, limits and a state of its own, and can be held.</p>
    <${Snippet} text=${made} />
  </${Empty}>`;
}
