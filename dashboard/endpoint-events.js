import { html, useState } from '/dashboard/vendor/preact.js';
import { Problem, post, query, remove } from './api.js';
import { ago, clock, count, cut } from './format.js';
import { Action, Badge, errorOf } from './parts.js';

/** @import { CatchUp, FoundEndpoint, Missed, Subscription } from './answers.ts' */

/** Which events an endpoint receives, and those that it missed. @param {{ endpoint: FoundEndpoint, again: () => void }} props */
export function EndpointEvents({ endpoint, again }) {
  const isDeleted = endpoint.status === 'deleted';
  return html`<div class="columns wide apart">
    <section aria-labelledby="subscriptions"><h2 id="subscriptions">Subscriptions</h2>
      <${Subscriptions} rows=${endpoint.subscriptions} again=${again} />
      ${!isDeleted && html`<${AddSubscription} endpointId=${endpoint.id} onAdded=${again} />`}
    </section>
    <section aria-labelledby="catch-up"><h2 id="catch-up">Catch up with missed events</h2>
      ${endpoint.catch_up !== null && html`<${Progress} endpoint=${endpoint} catchUp=${endpoint.catch_up} again=${again} />`}
      ${!isDeleted && !endpoint.catching_up && html`<${StartCatchUp} endpoint=${endpoint} onStarted=${again} />`}
    </section>
  </div>`;
}

/** @param {{ rows: readonly Subscription[], again: () => void }} props */
function Subscriptions({ rows, again }) {
  if (rows.length === 0)
    return html`<p class="muted">None. It receives no events, only webhooks that are sent to it directly.</p>`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Subscriptions"><table class="list">
    <thead><tr><th scope="col">Event type</th><th scope="col">Filter</th><th scope="col">Since</th><th scope="col">Change</th></tr></thead>
    <tbody>${rows.map(
      ({ id, event_type: type, filter, created_at: at }) => html`<tr key=${id}>
        <th scope="row" class="url"><a href=${`#/events${type.endsWith('*') ? '' : query({ event_type: type })}`}><code>${type}</code></a></th>
        <td class="url">${filter === null ? html`<span class="muted">all of them</span>` : html`<code>${cut(filter, 1_024)}</code>`}</td>
        <td title=${at}>${clock(at)}</td>
        <td><${Action} label="End" kind="small" act=${() => remove(`/subscriptions/${id}`)} onDone=${again} confirm=${{
          title: 'End this subscription?',
          thing: filter === null ? type : `${type}, if ${cut(filter, 200)}`,
          text: 'The endpoint receives no new events because of it. Webhooks that are already enqueued are still sent.',
          yes: 'End the subscription',
          no: 'Keep it',
          isHarmful: true,
        }} /></td>
      </tr>`,
    )}</tbody>
  </table></div>`;
}

/** @param {{ endpointId: string, onAdded: () => void }} props */
function AddSubscription({ endpointId, onAdded }) {
  const [form, setForm] = useState({ event_type: '', filter: '' });
  const [problem, setProblem] = useState(/** @type {Error | undefined} */ (undefined));
  const [isBusy, setBusy] = useState(false);
  const add = async () => {
    setBusy(true);
    try {
      const filter = form.filter.trim();
      await post('/subscriptions', {
        endpoint_id: endpointId,
        event_type: form.event_type.trim(),
        ...(filter === '' ? {} : { filter }),
      });
      setForm({ event_type: '', filter: '' });
      setProblem(undefined);
      onAdded();
    } catch (error) {
      setProblem(errorOf(error));
    }
    setBusy(false);
  };
  /** @param {keyof typeof form} name @param {string} label @param {string} placeholder */
  const field = (name, label, placeholder) => {
    const wrong = partOf(problem, name);
    return html`<label class="grow">${label} <input value=${form[name]} placeholder=${placeholder} spellcheck="false" aria-invalid=${wrong !== undefined}
        aria-describedby=${wrong === undefined ? undefined : `wrong-${name}`} onInput=${(event) => setForm({ ...form, [name]: event.target.value })} />
      ${wrong !== undefined && html`<span class="trouble small" id=${`wrong-${name}`} role="alert">${wrong}</span>`}</label>`;
  };
  const isElsewhere =
    problem !== undefined &&
    partOf(problem, 'event_type') === undefined &&
    partOf(problem, 'filter') === undefined;
  return html`<form class="filters" aria-label="Add a subscription" onSubmit=${(
    /** @type {SubmitEvent} */ event,
  ) => {
    event.preventDefault();
    void add();
  }}>
    ${field('event_type', 'Event type', 'order.paid, order.* or *')}
    ${field('filter', 'Filter on the body (jsonpath)', '$.total >= 1000; empty means all')}
    <div class="actions"><button disabled=${isBusy || form.event_type.trim() === ''}>Add subscription</button>
      ${isElsewhere && html`<span class="trouble small" role="alert">${problem.message}</span>`}</div>
  </form>`;
}

/** What is wrong with a field. @param {Error | undefined} problem @param {string} name */
const partOf = (problem, name) =>
  problem instanceof Problem
    ? problem.errors.find(({ pointer }) => pointer === `/${name}`)?.detail
    : undefined;

/** @param {{ endpoint: FoundEndpoint, catchUp: CatchUp, again: () => void }} props */
function Progress({ endpoint, catchUp, again }) {
  const { status, since, webhooks, read_count: read, finished_at: finished } = catchUp;
  const isRunning = status === 'running';
  const badge = { running: 'delivering', finished: 'delivered', cancelled: 'cancelled' }[status];
  return html`<div>
    <p><${Badge} status=${badge}>${isRunning ? 'catching up' : status}</${Badge}> with events since ${clock(since)}${endpoint.status === 'disabled' && isRunning && '. It begins when the endpoint is enabled.'}</p>
    ${isRunning && html`<progress aria-label="Catching up"></progress>`}
    <p class="facts">${count(webhooks)} ${webhooks === 1 ? 'webhook' : 'webhooks'} added, ${count(read)} ${read === 1 ? 'event' : 'events'} read
      · started ${ago(catchUp.created_at)}${finished !== null && `, ended ${ago(finished)}`}${isRunning && endpoint.ordered && ' · newer webhooks wait, because the endpoint takes them in order'}</p>
    ${
      isRunning &&
      html`<${Action} label="Cancel catch-up" act=${() => remove(`/endpoints/${endpoint.id}/catch-up`)} onDone=${again} confirm=${{
        title: 'Cancel the catch-up?',
        thing: cut(endpoint.url, 200),
        text: 'Posthorn adds no more of the events that the endpoint missed. Webhooks that were already added are still sent.',
        yes: 'Cancel the catch-up',
        no: 'Keep catching up',
        isHarmful: true,
      }} />`
    }
  </div>`;
}

/** @type {Record<string, string>} */
const periods = {
  1: 'in the last hour',
  24: 'in the last day',
  72: 'in the last 3 days',
  168: 'in the last week',
  720: 'in the last 30 days',
};

/** @param {{ endpoint: FoundEndpoint, onStarted: () => void }} props */
function StartCatchUp({ endpoint, onStarted }) {
  const [form, setForm] = useState({ hours: '24', rate: '' });
  // Counted and started from the same time.
  const [counted, setCounted] = useState(
    /** @type {{ missed: number, since: string } | undefined} */ (undefined),
  );
  /** @param {keyof typeof form} name */
  const set =
    (name) =>
    (/** @type {{ target: HTMLInputElement }} */ { target }) => {
      setForm({ ...form, [name]: target.value });
      setCounted(undefined);
    };
  const path = `/endpoints/${endpoint.id}/catch-up`;
  const countThem = async () => {
    const since = new Date(Date.now() - Number(form.hours) * 3_600_000).toISOString();
    const { missed } = /** @type {Missed} */ (await post(path, { since, dry_run: true }));
    return { missed, since };
  };
  const start = () =>
    post(path, {
      since: counted?.since,
      ...(form.rate === '' ? {} : { rate_limit_per_s: Number(form.rate) }),
    });
  return html`<form class="filters" onSubmit=${(event) => event.preventDefault()} aria-label="Catch up">
    <label>Events published <select value=${form.hours} onChange=${set('hours')}>${Object.entries(periods).map(([hours, label]) => html`<option value=${hours} selected=${hours === form.hours}>${label}</option>`)}</select></label>
    <label>Limit per second <input type="number" min="0.1" max="10000" step="any" value=${form.rate} placeholder="100" onInput=${set('rate')} /></label>
    <div class="actions">
      <${Action} label="Count missed events" act=${countThem} onDone=${setCounted} />
      <${Action} label="Catch up" kind="primary" disabled=${counted === undefined || counted.missed === 0} act=${start} onDone=${() => {
        setCounted(undefined);
        onStarted();
      }} confirm=${{
        title: `Catch up with ${missedText(counted?.missed ?? 0)}?`,
        thing: cut(endpoint.url, 200),
        text: 'Posthorn adds a webhook for each event that matches its present subscriptions and that it has not received.',
        yes: 'Start catching up',
        no: 'Do not start',
      }} />
      <span role="status">${counted === undefined ? html`<span class="muted">Count the missed events first.</span>` : `It missed ${missedText(counted.missed)}.`}</span>
    </div>
  </form>`;
}

/** @param {number} missed */
const missedText = (missed) => `${count(missed)} ${missed === 1 ? 'event' : 'events'}`;
