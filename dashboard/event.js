import { html } from '/dashboard/vendor/preact.js';
import { query } from './api.js';
import { Recipients } from './events.js';
import { ago, clock, count, cut, tenantText } from './format.js';
import { Tenant } from './lists.js';
import { Loading, Snippet, Trouble, useAnswer } from './parts.js';
import { Explain } from './recipients.js';
import { statuses, WebhookTable } from './webhooks.js';

/** @import { FoundEvent } from './answers.ts' */

/** @param {{ id: string }} props */
export function Event({ id }) {
  const { data: event, problem } = useAnswer(`/events/${encodeURIComponent(id)}`, 3_000);
  if (event === undefined) {
    return html`<p><a href="#/events">← Events</a></p><h1><span class="id">${id}</span></h1><${Trouble} problem=${problem} />${problem === undefined && html`<${Loading} />`}`;
  }
  const { webhooks } = event;
  return html`
    <p><a href="#/events">← Events</a></p>
    <div class="bar">
      <h1>${event.event_type} <${Tenant} tenant=${event.tenant} /> <span class="id">${id}</span></h1>
      ${webhooks.some(({ status }) => status === 'failed' || status === 'cancelled') && html`<a class="button" href=${`#/replays${query({ event_id: id })}`}>Replay its webhooks</a>`}
    </div>
    <${Trouble} problem=${problem} />
    <p class="state">${stateOf(event)}</p>
    <h2>Webhooks</h2>
    ${webhooks.length === 0 ? html`<p class="muted">There is none.</p>` : html`<${WebhookTable} rows=${webhooks} isOfOneEvent />`}
    ${event.more && html`<p>These are the first ${count(webhooks.length)}. <a href=${`#/webhooks${query({ event_id: id })}`}>See all webhooks of this event</a></p>`}
    <div class="columns apart"><section aria-labelledby="others"><h2 id="others">Who did not receive it, and why?</h2><${Others} event=${event} /></section></div>
    <div class="columns apart"><section aria-labelledby="facts"><h2 id="facts">Event</h2><${Facts} event=${event} /></section></div>`;
}

/** @param {FoundEvent} event */
function stateOf({ recipients, created_at: at, webhooks, more }) {
  if (recipients === null)
    return html`Published ${ago(at)}. It has so many recipients that a worker adds their webhooks one after another. ${count(webhooks.length)}${more && ' or more'} so far.`;
  if (recipients === 0)
    return html`Published ${ago(at)}. <b>No endpoint received it</b>, because no enabled endpoint had a subscription that matched.`;
  const parts = statuses
    .map((status) => ({ status, number: webhooks.filter((row) => row.status === status).length }))
    .filter(({ number }) => number > 0)
    .map(({ status, number }) => `${count(number)} ${status}`)
    .join(', ');
  return html`Published ${ago(at)} to <b><${Recipients} recipients=${recipients} /></b>${more ? '.' : `: ${parts}.`}`;
}

/** @param {{ event: FoundEvent }} props */
function Facts({ event }) {
  const { tenant, event_type: type } = event;
  const rows = [
    ['Event type', html`<a href=${`#/events${query({ event_type: type })}`}>${type}</a>`],
    ['Tenant', html`<a href=${`#/events${query({ tenant })}`}>${tenantText(tenant)}</a>`],
    ['Published', `${clock(event.created_at)} (${ago(event.created_at)})`],
    ['webhook-id', html`<span class="id">${event.id}</span>`],
    [
      'Idempotency-Key',
      html`<span class="id">${cut(event.idempotency_key ?? event.id, 255)}</span>`,
    ],
    ['Content-Type', event.content_type],
    ['Body', `${count(event.body_bytes)} bytes`],
    ['Priority', event.priority],
    ['Send at', event.send_at === null ? 'immediately' : clock(event.send_at)],
    ['Maximum attempts', event.max_attempts ?? 'as in the retry schedule'],
  ];
  return html`<dl class="pairs">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** @param {{ event: FoundEvent }} props */
function Others({ event }) {
  const statement = `select * from posthorn.explain_event('${event.id}');`;
  return html`
    <p class="lead">This asks the endpoints and subscriptions of now, which may have changed since. The API never returns bodies. Paste the event's body, or leave it empty if no subscription has a filter.</p>
    <${Explain} tenant=${event.tenant} eventType=${event.event_type} />
    <details><summary>At the time of the event, in Postgres</summary>
      <p>This statement uses the body of the event and the subscriptions of its time. <code>posthorn events show</code> prints the same:</p>
      <${Snippet} text=${statement} />
    </details>`;
}
