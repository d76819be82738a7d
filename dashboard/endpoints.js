import { html, useState } from '/dashboard/vendor/preact.js';
import { post, query } from './api.js';
import { Sparkline } from './charts.js';
import { EndpointEvents } from './endpoint-events.js';
import { age, ago, count, cut, dueIn } from './format.js';
import { Tenant, TenantFilter } from './lists.js';
import { Action, Badge, Empty, Loading, Snippet, Trouble, useAnswer } from './parts.js';

/** @import { Endpoint, Pulse, SentWebhook } from './answers.ts' */

/** What follows "at most 10". @type {['max_in_flight' | 'rate_limit_per_s', string][]} */
const limits = [
  ['max_in_flight', 'in flight'],
  ['rate_limit_per_s', 'per second'],
];

/** Why an endpoint is not active, after "paused", "disabled" or "deleted". @type {Record<string, string>} */
const reasons = {
  by_request: 'by you',
  failing: 'by Posthorn, because it kept failing',
  gone: 'by Posthorn, because the receiver answered 410 Gone',
};

const statuses = ['active', 'paused', 'disabled', 'deleted'];

/**
 * A page of endpoints takes two requests: one for the endpoints and their health, one for their attempts.
 *
 * @param {{ parameters: URLSearchParams, go: (hash: string) => void }} props
 */
export function Endpoints({ parameters, go }) {
  const only = parameters.get('id');
  const status = parameters.get('status');
  const text = parameters.get('q');
  const tenant = parameters.get('tenant');
  const filter = { tenant, status, q: text };
  const cursor = parameters.get('cursor');
  const { data, problem, again } = useAnswer(
    only === null
      ? `/endpoints${query({ limit: 50, ...filter, cursor })}`
      : `/endpoints/${encodeURIComponent(only)}`,
    4_000,
  );
  const rows = data === undefined ? [] : 'endpoints' in data ? data.endpoints : [data];
  const ids = rows.map(({ id }) => id);
  const { data: pulses } = useAnswer(
    ids.length === 0 ? null : `/stats/endpoints${query({ ids: ids.join(',') })}`,
    15_000,
  );
  const next = data !== undefined && 'endpoints' in data ? data.next_cursor : null;
  const isEmpty = data !== undefined && rows.length === 0;
  /** @param {Record<string, string | null>} changed */
  const change = (changed) => go(`#/endpoints${query({ ...filter, ...changed })}`);
  return html`
    ${only !== null && html`<p><a href="#/endpoints">← All endpoints</a></p>`}
    <h1>${only === null ? 'Endpoints' : 'Endpoint'}</h1>
    ${
      only === null &&
      html`<form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
        <${TenantFilter} value=${tenant} onChange=${(value) => change({ tenant: value })} />
        <label>Status <select value=${status ?? ''} onChange=${(event) => change({ status: event.target.value })}>
          <option value="">all except deleted</option>
          ${statuses.map((name) => html`<option value=${name} selected=${name === status}>${name}</option>`)}
        </select></label>
        <label class="grow">Find <input type="search" id="search" value=${text ?? ''} placeholder="URL, description or id" spellcheck="false"
          onChange=${(event) => change({ q: event.target.value.trim() })} /></label>
      </form>`
    }
    <${Trouble} problem=${problem} />
    ${data === undefined && problem === undefined && html`<${Loading} />`}
    ${isEmpty && (status === null && text === null && tenant === null && cursor === null ? html`<${None} />` : html`<${Empty} title=${text !== null || tenant !== null ? 'No endpoint matches' : `No endpoint${status === null ? '' : ` is ${status}`}`} />`)}
    <ul class="cards">${rows.map((endpoint) => html`<${Card} key=${endpoint.id} endpoint=${endpoint} pulse=${pulses?.endpoints[endpoint.id] ?? []} again=${again} isAlone=${only !== null} />`)}</ul>
    ${data !== undefined && !('endpoints' in data) && html`<${EndpointEvents} endpoint=${data} again=${again} />`}
    <p class="actions">
      ${cursor !== null && html`<a class="button" href=${`#/endpoints${query(filter)}`}>← Newest</a>`}
      ${typeof next === 'string' && html`<a class="button" href=${`#/endpoints${query({ ...filter, cursor: next })}`}>Older →</a>`}
    </p>`;
}

/** @param {{ endpoint: Endpoint, pulse: Pulse, again: () => void, isAlone: boolean }} props isAlone: on its own page */
function Card({ endpoint, pulse, again, isAlone }) {
  const { id, status, breaker, backlog } = endpoint;
  /** @param {string} name */
  const act = (name) => () => post(`/endpoints/${id}/${name}`);
  const thing =
    endpoint.description === ''
      ? cut(endpoint.url, 200)
      : `${cut(endpoint.description, 200)}: ${cut(endpoint.url, 200)}`;
  const [sent, setSent] = useState(/** @type {SentWebhook | undefined} */ (undefined));
  const health =
    status !== 'active'
      ? status
      : breaker.state === 'open'
        ? 'failing'
        : breaker.consecutive_failures > 0 || breaker.throttled_until !== null || failsOften(pulse)
          ? 'shaky'
          : 'healthy';
  /** @type {Record<string, string>} */
  const badges = { healthy: 'delivered', shaky: 'held', failing: 'failed' };
  return html`<li class="card" aria-label=${`Endpoint ${id}`}>
    <div class="card-head">
      <div class="card-name">
        <${Badge} status=${badges[health] ?? 'cancelled'}>${health}</${Badge}> <b class="url">${cut(endpoint.url, 200)}</b> <${Tenant} tenant=${endpoint.tenant} />
        ${endpoint.description !== '' && html`<div class="muted">${cut(endpoint.description, 200)}</div>`}
      </div>
      <figure class="pulse">${pulse.length > 0 && html`<${Sparkline} pulse=${pulse} />`}<figcaption class="muted">${pulseText(pulse)}</figcaption></figure>
    </div>
    <p class="facts">
      ${count(backlog.waiting)}${backlog.is_at_least ? '+' : ''} waiting${backlog.oldest_due_at !== null && html`, the oldest ${Date.parse(backlog.oldest_due_at) > Date.now() ? `is due ${ago(backlog.oldest_due_at)}` : `has been due for ${age(backlog.oldest_due_at)}`}`}; ${count(backlog.delivering)} being sent
      ${breaker.state === 'open' && html` · <b>${breaker.of_origin ? 'its host has not answered' : 'failing'} for ${age(breaker.failing_since)}</b> (${breaker.last_error ?? 'unknown'}), next probe ${dueIn(breaker.next_probe_at)}`}
      ${breaker.state !== 'open' && breaker.consecutive_failures > 0 && html` · ${count(breaker.consecutive_failures)} failures in a row (${breaker.last_error})`}
      ${breaker.throttled_until !== null && html` · told to wait by the receiver (429 or 503), next attempt ${dueIn(breaker.throttled_until)}`}
      ${status !== 'active' && html` · ${status} ${reasonText(endpoint)} ${ago(endpoint.status_since)}`}
      ${limits.map(([name, label]) => endpoint[name] !== null && html` · at most ${endpoint[name]} ${label}`)}
      ${endpoint.catching_up && html` · <b>catching up</b> with the events that it missed`}
      ${endpoint.ordered && ' · sends in order'}
      ${!endpoint.has_secret && html` · <b>not signed</b>`}
    </p>
    <div class="actions">
      ${status === 'active' && html`<${Action} label="Pause" act=${act('pause')} onDone=${again} />`}
      ${status === 'paused' && html`<${Action} label="Resume" kind="primary" act=${act('resume')} onDone=${again} />`}
      ${
        status === 'disabled' &&
        html`<${Action} label="Enable" kind="primary" act=${act('enable')} onDone=${again} />
        <${Action} label="Enable without catching up" act=${() => post(`/endpoints/${id}/enable`, { catch_up: false })} onDone=${again} confirm=${{
          title: 'Enable it without catching up?',
          thing,
          text: 'It receives new events, but not those that were published while it was disabled. You can still let it catch up later.',
          yes: 'Enable without catching up',
          no: 'Keep it disabled',
        }} />`
      }
      ${
        (status === 'active' || status === 'paused') &&
        html`<${Action} label="Disable" act=${act('disable')} onDone=${again} confirm=${{
          title: 'Disable this endpoint?',
          thing,
          text: 'Posthorn sends nothing to it until you enable it again. Its webhooks are kept and wait. It gets no webhooks for new events, and can catch up with them when you enable it.',
          yes: 'Disable the endpoint',
          no: status === 'paused' ? 'Keep it paused' : 'Keep sending to it',
          isHarmful: true,
        }} />`
      }
      ${status !== 'deleted' && html`<${Action} label="Send test" act=${act('test')} onDone=${setSent} />`}
      ${sent !== undefined && html`<a href=${`#/webhooks/${sent.id}`}>See how it went</a>`}
      <a href=${`#/webhooks${query({ endpoint_id: id })}`}>Webhooks</a>
      ${!isAlone && html`<a href=${`#/endpoints${query({ id })}`}>Subscriptions</a>`}
      <span class="id muted">${id}</span>
    </div>
  </li>`;
}

/** @param {Endpoint} endpoint */
function reasonText({ status, status_reason: reason }) {
  if (reason === null || (status === 'deleted' && reason === 'by_request')) return '';
  return reasons[reason] ?? `(${reason})`;
}

/** Whether more than one in five attempts of the last quarter of an hour failed. @param {Pulse} pulse */
function failsOften(pulse) {
  const { attempts, failures } = totalOf(
    pulse.filter(({ at }) => Date.parse(at) > Date.now() - 900_000),
  );
  return failures * 5 > attempts;
}

/** @param {Pulse} pulse */
function pulseText(pulse) {
  const { attempts, failures } = totalOf(pulse);
  if (attempts === 0) return 'no attempts in 2 h';
  return `${count(attempts)} ${attempts === 1 ? 'attempt' : 'attempts'} in 2 h, ${count(failures)} failed`;
}

/** @param {Pulse} pulse */
function totalOf(pulse) {
  return {
    attempts: pulse.reduce((total, step) => total + step.attempts, 0),
    failures: pulse.reduce((total, step) => total + step.failures, 0),
  };
}

function None() {
  const made = `curl -X POST ${location.origin}/endpoints -H 'content-type: application/json' \\
  -d '{"url": "https://example.com/hook", "max_in_flight": 10}'`;
  return html`<${Empty} title="No endpoint is registered">
    <p>You can send webhooks to any URL. Register an endpoint to give it its own signing secret and limits, and to pause it.</p>
    <${Snippet} text=${made} />
  </${Empty}>`;
}
