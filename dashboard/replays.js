import { html, useState } from '/dashboard/vendor/preact.js';
import { post } from './api.js';
import { ago, clock, count, cut } from './format.js';
import { Action, Badge, Empty, Loading, Trouble, useAnswer } from './parts.js';

const statuses = ['failed', 'cancelled', 'pending', 'delivered'];
const periods = { 1: 'last hour', 24: 'last day', 168: 'last week', 720: 'last 30 days' };

export function Replays() {
  const { data, problem, again } = useAnswer('/replays?limit=50', 2_000);
  return html`
    <h1>Replays</h1>
    <p class="lead">What has ended goes back into the queue, each webhook once, whatever dies meanwhile. It keeps its id, so receivers that know it drop it.</p>
    <${Start} onStarted=${again} />
    <h2>Started</h2>
    <${Trouble} problem=${problem} />
    ${data === undefined && problem === undefined && html`<${Loading} />`}
    ${data?.replays.length === 0 && html`<${Empty} title="No replay yet"><p>After an outage of a receiver: choose its failed webhooks above, count them, and start.</p></${Empty}>`}
    <ul class="cards">${(data?.replays ?? []).map((replay) => html`<${Replay} key=${replay.id} replay=${replay} again=${again} />`)}</ul>`;
}

function Start({ onStarted }) {
  const [form, setForm] = useState({
    status: 'failed',
    to: '',
    hours: '24',
    rate: '',
    priority: 'low',
  });
  const [counted, setCounted] = useState(undefined);
  const set = (name) => (event) => {
    setForm({ ...form, [name]: event.target.value });
    setCounted(undefined);
  };
  const order = () => {
    const to = form.to.trim();
    const place = to === '' ? {} : /^[0-9a-f-]{36}$/.test(to) ? { endpoint_id: to } : { url: to };
    const from = new Date(Date.now() - Number(form.hours) * 3_600_000).toISOString();
    return {
      filter: { status: form.status, from, ...place },
      ...(form.rate === '' ? {} : { rate_limit_per_s: Number(form.rate) }),
      priority: form.priority,
    };
  };
  return html`<form class="filters boxed" onSubmit=${(event) => event.preventDefault()} aria-label="Start a replay">
    <label>Status <select value=${form.status} onChange=${set('status')}>${statuses.map((each) => html`<option value=${each}>${each}</option>`)}</select></label>
    <label>Enqueued <select value=${form.hours} onChange=${set('hours')}>${Object.entries(periods).map(([value, label]) => html`<option value=${value} selected=${value === form.hours}>${label}</option>`)}</select></label>
    <label class="grow">To <input value=${form.to} placeholder="an endpoint's id or a URL; empty: all" spellcheck="false" onInput=${set('to')} /></label>
    <label>A second at most <input type="number" min="0.1" max="10000" step="any" value=${form.rate} placeholder="no limit" onInput=${set('rate')} /></label>
    <label>Priority <select value=${form.priority} onChange=${set('priority')}>${['low', 'normal', 'high', 'own'].map((each) => html`<option value=${each}>${each}</option>`)}</select></label>
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
          text: 'They are put back into the queue and sent again, each with the id that it had.',
          yes: 'Start the replay',
          no: 'Do not start',
        }} />
      <span role="status">${counted === undefined ? html`<span class="muted">Count first.</span>` : `${matchText(counted)} match.`}</span>
    </div>
  </form>`;
}

/** Counting gives up after a while, and may have found nothing until then. */
function matchText(counted) {
  if (counted === undefined) return 'webhooks';
  const { matched, is_at_least: isAtLeast } = counted;
  return `${count(matched)}${isAtLeast ? ' or more' : ''} ${matched === 1 && !isAtLeast ? 'webhook' : 'webhooks'}`;
}

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
      <div><${Badge} status=${badge}>${status}</${Badge}> <b>${filter.status.join(', ')}</b> ${filter.url ?? filter.endpoint_id ?? 'to anywhere'}${' '}
        <span class="muted">from ${filter.from === null ? 'the beginning' : clock(filter.from)} until ${filter.until === null ? 'its start' : clock(filter.until)}</span></div>
      ${
        isMoving &&
        html`<${Action} label="Cancel replay" act=${() => post(`/replays/${id}/cancel`)} onDone=${again}
        confirm=${{
          title: 'Cancel this replay?',
          thing: `${filter.status.join(', ')}, ${filter.url ?? filter.endpoint_id ?? 'to anywhere'}`,
          text: 'It puts no more webhooks back, and takes back those that have not been tried since.',
          yes: 'Cancel the replay',
          no: 'Keep it running',
          isHarmful: true,
        }} />`
      }
    </div>
    <progress max=${Math.max(matched, done, 1)} value=${status === 'finished' ? Math.max(matched, done, 1) : done} aria-label=${`Replay ${id}`}></progress>
    <p class="facts">${count(replayed)} of ${count(matched)}${replay.is_at_least ? ' or more' : ''} put back${skipped > 0 && `, ${count(skipped)} skipped`}${replay.taken_back > 0 && `, ${count(replay.taken_back)} taken back`}${' '}
      · started ${ago(replay.created_at)}${replay.finished_at !== null && `, ended ${ago(replay.finished_at)}`}${replay.rate_limit_per_s !== null && ` · ${replay.rate_limit_per_s} a second at most`} · priority ${replay.priority}</p>
  </li>`;
}
