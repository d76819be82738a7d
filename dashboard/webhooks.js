import { html, useEffect, useRef, useState } from '/dashboard/vendor/preact.js';
import { ask, query } from './api.js';
import { age, ago, clock, cut, priorities, shortId } from './format.js';
import { Badge, Empty, errorOf, Loading, Trouble, useAnswer } from './parts.js';

/** @import { WebhookPage, WebhookRow } from './answers.ts' */

const statuses = ['pending', 'delivering', 'delivered', 'failed', 'cancelled'];
const periods = { '': 'any time', 1: 'last hour', 24: 'last day', 168: 'last week' };

/**
 * Before "Older" was pressed.
 *
 * @type {{ key: string, first?: WebhookPage | undefined, more: WebhookRow[], cursor?: string | null | undefined, problem?: Error }}
 */
const noPages = { key: '', more: [] };

/** @param {{ parameters: URLSearchParams, go: (hash: string) => void }} props */
export function Webhooks({ parameters, go }) {
  const filter = {
    status: parameters.get('status') ?? '',
    priority: parameters.get('priority') ?? '',
    endpoint_id: parameters.get('endpoint_id') ?? '',
    q: parameters.get('q') ?? '',
  };
  const hours = parameters.get('hours') ?? '';
  const [isLive, setLive] = useState(false);
  const [pages, setPages] = useState(noPages);
  const key = JSON.stringify([filter, hours, isLive]);
  // A cursor belongs to the period of the page that gave it, so the period stays as it was when it was chosen.
  const period = useRef({ key: '', from: '' });
  if (period.current.key !== key) {
    const from = hours === '' ? '' : new Date(Date.now() - Number(hours) * 3_600_000).toISOString();
    period.current = { key, from };
  }
  const { from } = period.current;
  const path = `/webhooks${query({ ...filter, from, limit: 50 })}`;
  const { data, problem } = useAnswer(path, isLive ? 1_500 : undefined);
  /** @param {string} name @param {string} value */
  const change = (name, value) => {
    const next = { ...filter, hours, [name]: value };
    go(`#/webhooks${query(next)}`);
  };
  useEffect(() => setPages(noPages), [key]);
  // Older pages belong below the first page that they were loaded after: a newer first page would leave a gap.
  const known = pages.key === key ? pages : noPages;
  const first = known.first ?? data;
  const cursor = known.cursor === undefined ? first?.next_cursor : known.cursor;
  const rows = [...(first?.webhooks ?? []), ...known.more];
  const more = async () => {
    try {
      /** @type {WebhookRow[]} */
      let found = [];
      let next = cursor;
      // A page may be short, even empty, and not be the last.
      for (let tries = 0; tries < 20 && next && found.length < 50; tries += 1) {
        const page = await ask(`/webhooks${query({ ...filter, from, limit: 50, cursor: next })}`);
        found = [...found, ...page.webhooks];
        next = page.next_cursor;
      }
      setPages({ key, first, more: [...known.more, ...found], cursor: next });
    } catch (error) {
      setPages({ ...known, key, problem: errorOf(error) });
    }
  };
  const isFiltered = Object.values(filter).some((value) => value !== '') || hours !== '';
  return html`
    <div class="bar"><h1>Webhooks</h1>
      <label class="switch"><input type="checkbox" checked=${isLive} onChange=${(event) => setLive(event.target.checked)} /> Live tail</label>
    </div>
    <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
      <${Choice} label="Status" value=${filter.status} values=${statuses} onChange=${(value) => change('status', value)} />
      <${Choice} label="Priority" value=${filter.priority} values=${priorities} onChange=${(value) => change('priority', value)} />
      <label>Enqueued <select value=${hours} onChange=${(event) => change('hours', event.target.value)}>
        ${Object.entries(periods).map(([value, label]) => html`<option value=${value} selected=${value === hours}>${label}</option>`)}
      </select></label>
      <label>Endpoint <input value=${filter.endpoint_id} placeholder="its id" spellcheck="false" size="14" onChange=${(event) => change('endpoint_id', event.target.value.trim())} /></label>
      <label class="grow">In id or URL <input type="search" id="search" value=${filter.q} spellcheck="false" onChange=${(event) => change('q', event.target.value.trim())} /></label>
      ${isFiltered && html`<a class="button" href="#/webhooks">Clear filter</a>`}
    </form>
    <${Trouble} problem=${problem ?? known.problem} />
    ${data === undefined && problem === undefined && html`<${Loading} />`}
    ${rows.length > 0 && html`<${Table} rows=${rows} />`}
    ${
      data !== undefined &&
      rows.length === 0 &&
      cursor === null &&
      html`<${Empty} title=${isFiltered ? 'No webhook matches' : 'No webhook yet'}>
      <p>${isFiltered ? 'Widen the filter. Webhooks older than POSTHORN_RETENTION are gone.' : 'The overview shows how to send the first one.'}</p>
    </${Empty}>`
    }
    ${!isLive && typeof cursor === 'string' && html`<p class="actions"><button type="button" onClick=${more}>${rows.length === 0 ? 'Look further back' : 'Older'}</button></p>`}`;
}

/** @param {{ label: string, value: string, values: string[], onChange: (value: string) => void }} props */
function Choice({ label, value, values, onChange }) {
  return html`<label>${label} <select value=${value} onChange=${(event) => onChange(event.target.value)}>
    <option value="" selected=${value === ''}>all</option>
    ${values.map((each) => html`<option value=${each} selected=${each === value}>${each}</option>`)}
  </select></label>`;
}

/** A click on a row opens its webhook, unless it selects text. @param {MouseEvent} event @param {string} id */
function open({ target }, id) {
  const isLink = target instanceof Element && target.closest('a') !== null;
  if (isLink || String(getSelection()) !== '') return;
  location.hash = `#/webhooks/${id}`;
}

/** When the next attempt is, or how long it has been due. @param {string} next @param {number} attempts */
function nextText(next, attempts) {
  if (Date.parse(next) <= Date.now()) return `due for ${age(next)}`;
  return `${attempts === 0 ? 'first attempt' : 'retry'} ${ago(next)}`;
}

/** @param {{ rows: readonly WebhookRow[] }} props */
function Table({ rows }) {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Webhooks"><table class="list">
    <thead><tr>
      <th scope="col">Status</th><th scope="col">Enqueued</th><th scope="col">To</th><th scope="col" class="number">Attempts</th>
      <th scope="col">Last answer</th><th scope="col">Priority</th><th scope="col">Id</th>
    </tr></thead>
    <tbody>${rows.map(
      (
        row,
      ) => html`<tr key=${row.id} class="goes" onClick=${(/** @type {MouseEvent} */ event) => open(event, row.id)}>
        <td><${Badge} status=${row.status} /></td>
        <td title=${row.created_at}>${clock(row.created_at)}</td>
        <td class="url" title=${cut(row.url ?? '', 300)}>${cut(row.url ?? '(deleted)', 90)}</td>
        <td class="number" data-label="Attempts">${row.attempt_count}</td>
        <td data-label="Last answer">${row.last_error ?? row.last_status_code ?? '–'}${row.next_attempt_at !== null && html` <span class="muted">${nextText(row.next_attempt_at, row.attempt_count)}</span>`}</td>
        <td data-label="Priority">${row.priority}</td>
        <td><a href=${`#/webhooks/${row.id}`} class="id">${shortId(row.id)}</a></td>
      </tr>`,
    )}</tbody>
  </table></div>`;
}
