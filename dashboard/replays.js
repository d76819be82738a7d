import { html, useState } from '/dashboard/vendor/preact.js';
import { post } from './api.js';
import { ago, clock, count, cut, priorities, shortId, tenantText } from './format.js';
import { Action, Badge, Empty, Loading, Trouble, useAnswer } from './parts.js';

/** @import { MatchCount, ReplayRow } from './answers.ts' */

const statuses = ['failed', 'cancelled', 'pending', 'delivered'];
/** @type {Record<string, string>} */
const periods = {
  1: 'last hour',
  24: 'last day',
  168: 'last week',
  720: 'last 30 days',
  '': 'any time',
};

/** @param {{ parameters: URLSearchParams }} props parameters: what the form begins with */
export function Replays({ parameters }) {
  const { data, problem, again } = useAnswer('/replays?limit=50', 2_000);
  return html`
    <h1>Replays</h1>
    <p class="lead">A replay puts webhooks that have ended back into the queue. Each one is put back once, even if a process dies meanwhile. It keeps its id, so a receiver that already has it can ignore it.</p>
    <${Start} key=${parameters.toString()} parameters=${parameters} onStarted=${again} />
    <h2>Started replays</h2>
    <${Trouble} problem=${problem} />
    ${data === undefined && problem === undefined && html`<${Loading} />`}
    ${data?.replays.length === 0 && html`<${Empty} title="No replay yet"><p>When a receiver works again after an outage, choose its failed webhooks above, count them and start.</p></${Empty}>`}
    <ul class="cards">${(data?.replays ?? []).map((replay) => html`<${Replay} key=${replay.id} replay=${replay} again=${again} />`)}</ul>`;
}

/** @param {{ parameters: URLSearchParams, onStarted: () => void }} props */
function Start({ parameters, onStarted }) {
  const [form, setForm] = useState({
    status: 'failed',
    to: parameters.get('endpoint_id') ?? '',
    tenant: parameters.get('tenant') ?? '',
    event_type: parameters.get('event_type') ?? '',
    event_id: parameters.get('event_id') ?? '',
    hours: parameters.has('event_id') ? '' : '24',
    rate: '',
    priority: 'low',
  });
  const [counted, setCounted] = useState(/** @type {MatchCount | undefined} */ (undefined));
  /** @param {keyof typeof form} name */
  const set =
    (name) =>
    (/** @type {{ target: HTMLInputElement }} */ { target }) => {
      setForm({ ...form, [name]: target.value });
      setCounted(undefined);
    };
  const order = () => {
    const to = form.to.trim();
    const place = to === '' ? {} : /^[0-9a-f-]{36}$/.test(to) ? { endpoint_id: to } : { url: to };
    const period =
      form.hours === ''
        ? {}
        : { from: new Date(Date.now() - Number(form.hours) * 3_600_000).toISOString() };
    const given = Object.entries({
      tenant: form.tenant.trim(),
      event_type: form.event_type.trim(),
      event_id: form.event_id.trim(),
    }).filter(([, value]) => value !== '');
    return {
      filter: { status: form.status, ...period, ...place, ...Object.fromEntries(given) },
      ...(form.rate === '' ? {} : { rate_limit_per_s: Number(form.rate) }),
      priority: form.priority,
    };
  };
  return html`<form class="filters boxed" onSubmit=${(event) => event.preventDefault()} aria-label="Start a replay">
    <label>Status <select value=${form.status} onChange=${set('status')}>${statuses.map((each) => html`<option value=${each}>${each}</option>`)}</select></label>
    <label>Enqueued <select value=${form.hours} onChange=${set('hours')}>${Object.entries(periods).map(([value, label]) => html`<option value=${value} selected=${value === form.hours}>${label}</option>`)}</select></label>
    <label class="grow">To <input value=${form.to} placeholder="endpoint id or URL; empty means all" spellcheck="false" onInput=${set('to')} /></label>
    <label>Tenant <input value=${form.tenant} placeholder="all" spellcheck="false" size="14" onInput=${set('tenant')} /></label>
    <label>Event type <input value=${form.event_type} placeholder="all" spellcheck="false" size="14" onInput=${set('event_type')} /></label>
    <label>Event <input value=${form.event_id} placeholder="its id" spellcheck="false" size="14" onInput=${set('event_id')} /></label>
    <label>Limit per second <input type="number" min="0.1" max="10000" step="any" value=${form.rate} placeholder="no limit" onInput=${set('rate')} /></label>
    <label>Priority <select value=${form.priority} onChange=${set('priority')}>${[...priorities.toReversed(), 'own'].map((each) => html`<option value=${each}>${each === 'own' ? 'own of each' : each}</option>`)}</select></label>
    <div class="actions">
      <${Action} label="Count" act=${() => post('/replays', { ...order(), dry_run: true })} onDone=${setCounted} />
      <${Action} label="Start" kind="primary" disabled=${counted === undefined || (counted.matched === 0 && !counted.is_at_least)} act=${() => post('/replays', order())}
        onDone=${() => {
          setCounted(undefined);
          onStarted();
        }}
        confirm=${{
          title: `Replay ${matchText(counted)}?`,
          thing: form.to.trim() === '' ? undefined : cut(form.to.trim(), 200),
          text: 'Posthorn puts them back into the queue and sends them again. Each one keeps its id.',
          yes: 'Start the replay',
          no: 'Do not start',
        }} />
      <span role="status">${counted === undefined ? html`<span class="muted">Count the webhooks first.</span>` : `${matchText(counted)} ${isOne(counted) ? 'matches' : 'match'}.`}</span>
    </div>
  </form>`;
}

/** Counting gives up after a while, and may have found nothing until then. @param {MatchCount | undefined} counted */
function matchText(counted) {
  if (counted === undefined) return 'webhooks';
  const { matched, is_at_least: isAtLeast } = counted;
  return `${count(matched)}${isAtLeast ? ' or more' : ''} ${isOne(counted) ? 'webhook' : 'webhooks'}`;
}

/** @param {MatchCount} counted */
const isOne = ({ matched, is_at_least: isAtLeast }) => matched === 1 && !isAtLeast;

/** @param {{ replay: ReplayRow, again: () => void }} props */
function Replay({ replay, again }) {
  const { id, status, matched, replayed, skipped, filter } = replay;
  const done = replayed + skipped;
  const isMoving = status === 'running' || status === 'cancelling';
  const badge = {
    running: 'delivering',
    finished: 'delivered',
    cancelling: 'held',
    cancelled: 'cancelled',
  }[status];
  return html`<li class="card">
    <div class="bar">
      <div><${Badge} status=${badge}>${status}</${Badge}> <b>${filter.status.join(', ')}</b> ${targetText(filter)}${' '}
        <span class="muted">enqueued ${filter.from !== null && `from ${clock(filter.from)} `}until ${filter.until === null ? 'the replay started' : clock(filter.until)}</span></div>
      ${
        isMoving &&
        html`<${Action} label="Cancel replay" act=${() => post(`/replays/${id}/cancel`)} onDone=${again}
        confirm=${{
          title: 'Cancel this replay?',
          thing: `${filter.status.join(', ')} ${targetText(filter)}`,
          text: 'It puts no more webhooks back into the queue. It takes those out again that it has put back and that were not sent since.',
          yes: 'Cancel the replay',
          no: 'Keep it running',
          isHarmful: true,
        }} />`
      }
    </div>
    <progress max=${Math.max(matched, done, 1)} value=${status === 'finished' ? Math.max(matched, done, 1) : done} aria-label=${`Replay ${id}`}></progress>
    <p class="facts">${count(replayed)} of ${count(matched)}${replay.is_at_least ? ' or more' : ''} put back${skipped > 0 && `, ${count(skipped)} skipped`}${replay.taken_back > 0 && `, ${count(replay.taken_back)} taken back`}${' '}
      · started ${ago(replay.created_at)}${replay.finished_at !== null && `, ended ${ago(replay.finished_at)}`}${replay.rate_limit_per_s !== null && ` · at most ${replay.rate_limit_per_s} per second`} · ${replay.priority === 'own' ? 'own priority of each' : `${replay.priority} priority`}</p>
  </li>`;
}

/** Which webhooks a replay is for. @param {ReplayRow['filter']} filter */
function targetText({ url, endpoint_id: endpointId, ids, event_id: eventId, event_type, tenant }) {
  const to = url ?? endpointId;
  const parts = [
    to === null ? '' : `to ${cut(to, 200)}`,
    ids === null ? '' : `${count(ids.length)} chosen by id`,
    eventId === null ? '' : `of event ${shortId(eventId)}`,
    event_type === null ? '' : `of type ${event_type}`,
    tenant === null ? '' : `of tenant ${tenantText(tenant)}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'to all endpoints' : parts.join(', ');
}
