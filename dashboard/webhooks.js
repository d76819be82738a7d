import { html, useState } from '/dashboard/vendor/preact.js';
import { ask, query } from './api.js';
import { age, ago, clock, cut, priorities, shortId } from './format.js';
import {
  Choice,
  Older,
  openRow,
  Period,
  Tenant,
  TenantFilter,
  useFrom,
  usePages,
} from './lists.js';
import { Badge, Empty, Loading, Trouble, useAnswer } from './parts.js';

/** @import { WebhookRow } from './answers.ts' */

export const statuses = ['pending', 'delivering', 'delivered', 'failed', 'cancelled'];

/** @param {{ parameters: URLSearchParams, go: (hash: string) => void }} props */
export function Webhooks({ parameters, go }) {
  const filter = {
    status: parameters.get('status') ?? '',
    priority: parameters.get('priority') ?? '',
    tenant: parameters.get('tenant'),
    event_type: parameters.get('event_type') ?? '',
    event_id: parameters.get('event_id') ?? '',
    endpoint_id: parameters.get('endpoint_id') ?? '',
    q: parameters.get('q') ?? '',
  };
  const hours = parameters.get('hours') ?? '';
  const [isLive, setLive] = useState(false);
  const key = JSON.stringify([filter, hours, isLive]);
  const from = useFrom(hours, key);
  /** @param {string} [cursor] @returns {`/webhooks?${string}`} */
  const pathTo = (cursor) => `/webhooks?${query({ ...filter, from, limit: 50, cursor }).slice(1)}`;
  const { data, problem } = useAnswer(pathTo(), isLive ? 1_500 : undefined);
  const {
    rows,
    next,
    older,
    problem: olderProblem,
  } = usePages({
    key,
    newest: data && { rows: data.webhooks, next: data.next_cursor },
    read: async (cursor) => {
      const page = await ask(pathTo(cursor));
      return { rows: page.webhooks, next: page.next_cursor };
    },
  });
  /** @param {string} name @param {string | null} value */
  const change = (name, value) => go(`#/webhooks${query({ ...filter, hours, [name]: value })}`);
  const isFiltered = parameters.size > 0;
  return html`
    <div class="bar"><h1>Webhooks</h1>
      <label class="switch"><input type="checkbox" checked=${isLive} onChange=${(event) => setLive(event.target.checked)} /> Live tail</label>
    </div>
    <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
      <${Choice} label="Status" value=${filter.status} values=${statuses} onChange=${(value) => change('status', value)} />
      <${Choice} label="Priority" value=${filter.priority} values=${priorities} onChange=${(value) => change('priority', value)} />
      <label>Enqueued <${Period} value=${hours} onChange=${(value) => change('hours', value)} /></label>
      <${TenantFilter} value=${filter.tenant} onChange=${(value) => change('tenant', value)} />
      <label>Event type <input value=${filter.event_type} placeholder="all" spellcheck="false" size="10" onChange=${(event) => change('event_type', event.target.value.trim())} /></label>
      <label>Event <input value=${filter.event_id} placeholder="its id" spellcheck="false" size="10" onChange=${(event) => change('event_id', event.target.value.trim())} /></label>
      <label>Endpoint <input value=${filter.endpoint_id} placeholder="its id" spellcheck="false" size="10" onChange=${(event) => change('endpoint_id', event.target.value.trim())} /></label>
      <label class="grow">In id or URL <input type="search" id="search" value=${filter.q} spellcheck="false" onChange=${(event) => change('q', event.target.value.trim())} /></label>
      ${isFiltered && html`<a class="button" href="#/webhooks">Clear filter</a>`}
    </form>
    <${Trouble} problem=${problem ?? olderProblem} />
    ${data === undefined && problem === undefined && html`<${Loading} />`}
    ${rows.length > 0 && html`<${WebhookTable} rows=${rows} />`}
    ${
      data !== undefined &&
      rows.length === 0 &&
      next === null &&
      html`<${Empty} title=${isFiltered ? 'No webhook matches' : 'No webhook yet'}>
      <p>${isFiltered ? 'Widen the filter. Webhooks older than POSTHORN_RETENTION are gone.' : 'The overview shows how to send the first one.'}</p>
    </${Empty}>`
    }
    ${!isLive && html`<${Older} next=${next} older=${older} isEmpty=${rows.length === 0} />`}`;
}

/** When the next attempt is, or how long it has been due. @param {string} next @param {number} attempts */
function nextText(next, attempts) {
  if (Date.parse(next) <= Date.now()) return `due for ${age(next)}`;
  return `${attempts === 0 ? 'first attempt' : 'retry'} ${ago(next)}`;
}

/** @param {{ rows: readonly WebhookRow[], isOfOneEvent?: boolean }} props */
export function WebhookTable({ rows, isOfOneEvent = false }) {
  const hasEvents =
    !isOfOneEvent && rows.some(({ event_type: type, tenant }) => type !== null || tenant !== '');
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Webhooks"><table class="list">
    <thead><tr>
      <th scope="col">Status</th><th scope="col">Enqueued</th><th scope="col">To</th>${hasEvents && html`<th scope="col">Event</th>`}<th scope="col" class="number">Attempts</th>
      <th scope="col">Last answer</th><th scope="col">Priority</th><th scope="col">Id</th>
    </tr></thead>
    <tbody>${rows.map(
      (
        row,
      ) => html`<tr key=${row.id} class="goes" onClick=${(/** @type {MouseEvent} */ event) => openRow(event, `#/webhooks/${row.id}`)}>
        <td><${Badge} status=${row.status} /></td>
        <td title=${row.created_at}>${clock(row.created_at)}</td>
        <td class="url" title=${cut(row.url ?? '', 300)}>${cut(row.url ?? '(deleted)', 90)}</td>
        ${hasEvents && html`<td class="event">${row.event_type !== null && html`<a href=${`#/events/${row.event_id}`}>${row.event_type}</a>`} <${Tenant} tenant=${row.tenant} /></td>`}
        <td class="number" data-label="Attempts">${row.attempt_count}</td>
        <td data-label="Last answer">${row.last_error ?? row.last_status_code ?? '–'}${row.next_attempt_at !== null && html` <span class="muted">${nextText(row.next_attempt_at, row.attempt_count)}</span>`}</td>
        <td data-label="Priority">${row.priority}</td>
        <td><a href=${`#/webhooks/${row.id}`} class="id">${shortId(row.id)}</a></td>
      </tr>`,
    )}</tbody>
  </table></div>`;
}
