import { html } from '/dashboard/vendor/preact.js';
import { ask, query } from './api.js';
import { clock, count, shortId } from './format.js';
import { Older, openRow, Period, Tenant, TenantFilter, useFrom, usePages } from './lists.js';
import { Badge, Empty, Loading, Snippet, Trouble, useAnswer } from './parts.js';

/** @import { EventRow } from './answers.ts' */

/** @param {{ parameters: URLSearchParams, go: (hash: string) => void }} props */
export function Events({ parameters, go }) {
  const filter = {
    tenant: parameters.get('tenant'),
    event_type: parameters.get('event_type') ?? '',
    recipients: parameters.get('recipients') ?? '',
    q: parameters.get('q') ?? '',
  };
  const hours = parameters.get('hours') ?? '';
  const key = JSON.stringify([filter, hours]);
  const from = useFrom(hours, key);
  /** @param {string} [cursor] @returns {`/events?${string}`} */
  const pathTo = (cursor) => `/events?${query({ ...filter, from, limit: 50, cursor }).slice(1)}`;
  const { data, problem } = useAnswer(pathTo(), 4_000);
  const pages = usePages({
    key,
    newest: data && { rows: data.events, next: data.next_cursor },
    read: async (cursor) => {
      const page = await ask(pathTo(cursor));
      return { rows: page.events, next: page.next_cursor };
    },
  });
  /** @param {Record<string, string | null>} changed */
  const change = (changed) => go(`#/events${query({ ...filter, hours, ...changed })}`);
  const isFiltered = parameters.size > 0;
  return html`
    <div class="bar"><h1>Events</h1><a class="button" href=${`#/events/recipients${query({ tenant: filter.tenant, event_type: filter.event_type })}`}>Who receives an event?</a></div>
    <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
      <${TenantFilter} value=${filter.tenant} onChange=${(tenant) => change({ tenant })} />
      <label>Event type <input value=${filter.event_type} placeholder="all" spellcheck="false" onChange=${(event) => change({ event_type: event.target.value.trim() })} /></label>
      <label>Recipients <select value=${filter.recipients} onChange=${(event) => change({ recipients: event.target.value })}>
        <option value="">any number</option><option value="0" selected=${filter.recipients === '0'}>none</option>
      </select></label>
      <label>Published <${Period} value=${hours} onChange=${(value) => change({ hours: value })} /></label>
      <label class="grow">Find <input type="search" id="search" placeholder="type, tenant or id" value=${filter.q} spellcheck="false" onChange=${(event) => change({ q: event.target.value.trim() })} /></label>
      ${isFiltered && html`<a class="button" href="#/events">Clear filter</a>`}
    </form>
    <${Trouble} problem=${problem ?? pages.problem} />
    ${data === undefined && problem === undefined && html`<${Loading} />`}
    ${pages.rows.length > 0 && html`<${Table} rows=${pages.rows} />`}
    ${data !== undefined && pages.rows.length === 0 && pages.next === null && html`<${None} isFiltered=${isFiltered} />`}
    <${Older} next=${pages.next} older=${pages.older} isEmpty=${pages.rows.length === 0} />`;
}

/** How many endpoints received an event. @param {{ recipients: number | null }} props */
export function Recipients({ recipients }) {
  if (recipients === null) return html`<${Badge} status="delivering">being added</${Badge}>`;
  if (recipients === 0) return html`<${Badge} status="held">no recipient</${Badge}>`;
  return `${count(recipients)} ${recipients === 1 ? 'recipient' : 'recipients'}`;
}

/** @param {{ rows: readonly EventRow[] }} props */
function Table({ rows }) {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Events"><table class="list">
    <thead><tr>
      <th scope="col">Event type</th><th scope="col">Tenant</th><th scope="col">Published</th><th scope="col">Recipients</th>
      <th scope="col" class="number">Body</th><th scope="col">Id</th>
    </tr></thead>
    <tbody>${rows.map(
      (
        row,
      ) => html`<tr key=${row.id} class="goes" onClick=${(/** @type {MouseEvent} */ event) => openRow(event, `#/events/${row.id}`)}>
        <td><b class="url">${row.event_type}</b></td>
        <td><${Tenant} tenant=${row.tenant} /></td>
        <td title=${row.created_at}>${clock(row.created_at)}</td>
        <td><${Recipients} recipients=${row.recipients} /></td>
        <td class="number" data-label="Body">${count(row.body_bytes)} bytes</td>
        <td><a href=${`#/events/${row.id}`} class="id">${shortId(row.id)}</a></td>
      </tr>`,
    )}</tbody>
  </table></div>`;
}

const statements = `insert into posthorn.endpoints (tenant, url)
values ('acme', 'http://127.0.0.1:9000/hook');

insert into posthorn.subscriptions (endpoint_id, event_type)
select id, 'order.*' from posthorn.endpoints where tenant = 'acme';

insert into posthorn.events (tenant, event_type, body)
values ('acme', 'order.paid', '{"id": 42}');`;

/** @param {{ isFiltered: boolean }} props */
function None({ isFiltered }) {
  if (isFiltered)
    return html`<${Empty} title="No event matches"><p>Widen the filter. Events older than POSTHORN_RETENTION are gone.</p></${Empty}>`;
  return html`<${Empty} title="No event yet">
    <p>Publish an event, and each endpoint of its tenant that has subscribed to the type receives a webhook:</p>
    <${Snippet} text=${statements} />
  </${Empty}>`;
}
