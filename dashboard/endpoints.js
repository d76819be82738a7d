import { html, useState } from '/dashboard/vendor/preact.js';
import { post, query } from './api.js';
import { Sparkline } from './charts.js';
import { age, ago, count, cut } from './format.js';
import { Action, Badge, Empty, Loading, Snippet, Trouble, useAnswer } from './parts.js';

const limits = [
  ['max_in_flight', 'in flight at most'],
  ['rate_limit_per_s', 'a second at most'],
];

const statuses = ['active', 'paused', 'disabled', 'deleted'];

/**
 * A page of endpoints is one request, with how each is doing, and one for what was tried there.
 *
 * @param {{ parameters: URLSearchParams, go: (hash: string) => void }} props
 */
export function Endpoints({ parameters, go }) {
  const only = parameters.get('id');
  const status = parameters.get('status');
  const text = parameters.get('q');
  const cursor = parameters.get('cursor');
  const { data, problem, again } = useAnswer(
    only === null
      ? `/endpoints${query({ limit: 50, status, q: text, cursor })}`
      : `/endpoints/${encodeURIComponent(only)}`,
    4_000,
  );
  const rows = data === undefined ? [] : only === null ? data.endpoints : [data];
  const ids = rows.map(({ id }) => id);
  const { data: pulses } = useAnswer(
    ids.length === 0 ? null : `/stats/endpoints${query({ ids: ids.join(',') })}`,
    15_000,
  );
  const next = data?.next_cursor;
  const isEmpty = data !== undefined && rows.length === 0;
  return html`
    <div class="bar">
      <h1>Endpoints</h1>
      ${
        only === null &&
        html`<label class="switch">Find <input type="search" id="search" value=${text ?? ''} placeholder="URL, description or id" spellcheck="false"
          onChange=${(event) => go(`#/endpoints${query({ status, q: event.target.value.trim() })}`)} /></label>
        <label class="switch">Status <select value=${status ?? ''}
          onChange=${(event) => go(`#/endpoints${query({ status: event.target.value, q: text })}`)}>
          <option value="">any but deleted</option>
          ${statuses.map((name) => html`<option value=${name} selected=${name === status}>${name}</option>`)}
        </select></label>`
      }
    </div>
    ${only !== null && html`<p><a href="#/endpoints">← All endpoints</a></p>`}
    <${Trouble} problem=${problem} />
    ${data === undefined && problem === undefined && html`<${Loading} />`}
    ${isEmpty && (status === null && text === null && cursor === null ? html`<${None} />` : html`<${Empty} title=${text !== null ? 'No endpoint matches' : `No endpoint${status === null ? '' : ` is ${status}`}`} />`)}
    <ul class="cards">${rows.map((endpoint) => html`<${Card} key=${endpoint.id} endpoint=${endpoint} pulse=${pulses?.endpoints[endpoint.id] ?? []} again=${again} />`)}</ul>
    <p class="actions">
      ${cursor !== null && html`<a class="button" href=${`#/endpoints${query({ status, q: text })}`}>← Newest</a>`}
      ${typeof next === 'string' && html`<a class="button" href=${`#/endpoints${query({ status, q: text, cursor: next })}`}>Older →</a>`}
    </p>`;
}

function Card({ endpoint, pulse, again }) {
  const { id, status, breaker, backlog } = endpoint;
  const act = (name) => () => post(`/endpoints/${id}/${name}`);
  const [sent, setSent] = useState(undefined);
  const health =
    status !== 'active'
      ? status
      : breaker.state === 'open'
        ? 'failing'
        : breaker.consecutive_failures > 0 || breaker.throttled_until !== null || failsOften(pulse)
          ? 'shaky'
          : 'healthy';
  const badge = { healthy: 'delivered', shaky: 'held', failing: 'failed' }[health] ?? 'cancelled';
  return html`<li class="card" aria-label=${`Endpoint ${id}`}>
    <div class="card-head">
      <div class="card-name">
        <${Badge} status=${badge}>${health}</${Badge}> <b class="url">${cut(endpoint.url, 200)}</b>
        ${endpoint.description !== '' && html`<div class="muted">${cut(endpoint.description, 200)}</div>`}
      </div>
      <figure class="pulse">${pulse.length > 0 && html`<${Sparkline} pulse=${pulse} />`}<figcaption class="muted">${pulseText(pulse)}</figcaption></figure>
    </div>
    <p class="facts">
      ${count(backlog.waiting)}${backlog.is_at_least ? '+' : ''} waiting${backlog.oldest_due_at !== null && html`, the oldest ${Date.parse(backlog.oldest_due_at) > Date.now() ? `is due ${ago(backlog.oldest_due_at)}` : `has been due for ${age(backlog.oldest_due_at)}`}`}; ${count(backlog.delivering)} being sent
      ${breaker.state === 'open' && html` · <b>failing for ${age(breaker.failing_since)}</b> (${breaker.last_error ?? 'unknown'}), next probe ${ago(breaker.next_probe_at)}`}
      ${breaker.state !== 'open' && breaker.consecutive_failures > 0 && html` · ${count(breaker.consecutive_failures)} failures in a row (${breaker.last_error})`}
      ${breaker.throttled_until !== null && html` · the receiver asked for a pause, which ends ${ago(breaker.throttled_until)}`}
      ${status !== 'active' && html` · ${status} ${ago(endpoint.status_since)}${endpoint.status_reason === null ? '' : ` (${endpoint.status_reason})`}`}
      ${limits.map(([name, label]) => endpoint[name] !== null && html` · ${endpoint[name]} ${label}`)}
      ${endpoint.ordered && ' · in order'}
      ${!endpoint.has_secret && html` · <b>not signed</b>`}
    </p>
    <div class="actions">
      ${status === 'active' && html`<${Action} label="Pause" act=${act('pause')} onDone=${again} />`}
      ${status === 'paused' && html`<${Action} label="Resume" kind="primary" act=${act('resume')} onDone=${again} />`}
      ${status === 'disabled' && html`<${Action} label="Enable" kind="primary" act=${act('enable')} onDone=${again} />`}
      ${
        (status === 'active' || status === 'paused') &&
        html`<${Action} label="Disable" act=${act('disable')} onDone=${again} confirm=${{
          title: 'Disable this endpoint?',
          thing:
            endpoint.description === ''
              ? cut(endpoint.url, 200)
              : `${cut(endpoint.description, 200)}: ${cut(endpoint.url, 200)}`,
          text: 'Nothing is sent to it until somebody enables it again. Webhooks that wait for it are kept.',
          yes: 'Disable the endpoint',
          no: 'Keep sending to it',
          isHarmful: true,
        }} />`
      }
      ${status !== 'deleted' && html`<${Action} label="Send test" act=${act('test')} onDone=${setSent} />`}
      ${sent !== undefined && html`<a href=${`#/webhooks/${sent.id}`}>See how it went</a>`}
      <a href=${`#/webhooks${query({ endpoint_id: id })}`}>Webhooks</a>
      <span class="id muted">${id}</span>
    </div>
  </li>`;
}

/** More than one in five of what was tried in the last quarter of an hour. */
function failsOften(pulse) {
  const recent = pulse.filter(({ at }) => Date.parse(at) > Date.now() - 900_000);
  const sum = (name) => recent.reduce((total, step) => total + step[name], 0);
  return sum('failures') * 5 > sum('attempts');
}

function pulseText(pulse) {
  const sum = (name) => pulse.reduce((total, step) => total + step[name], 0);
  const [attempts, failures] = [sum('attempts'), sum('failures')];
  if (attempts === 0) return 'nothing tried in 2 h';
  return `${count(attempts)} tried in 2 h, ${count(failures)} failed`;
}

function None() {
  const made = `curl -X POST ${location.origin}/endpoints -H 'content-type: application/json' \\
  -d '{"url": "https://example.com/hook", "max_in_flight": 10}'`;
  return html`<${Empty} title="No endpoint is registered">
    <p>Webhooks can go to any URL. An endpoint that is registered has a secret, limits and a state of its own, and can be held.</p>
    <${Snippet} text=${made} />
  </${Empty}>`;
}
