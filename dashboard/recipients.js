import { html, useState } from '/dashboard/vendor/preact.js';
import { post } from './api.js';
import { count, cut } from './format.js';
import { Action, Badge } from './parts.js';

/** @import { RecipientRow, RecipientsAnswer } from './answers.ts' */

/** The form for an event that nobody has published. @param {{ parameters: URLSearchParams }} props */
export function TryEvent({ parameters }) {
  return html`
    <p><a href="#/events">← Events</a></p>
    <h1>Who receives an event?</h1>
    <p class="lead">Describe an event. Posthorn publishes nothing, and says for each endpoint of the tenant if it would receive the event now, and why.</p>
    <${Explain} tenant=${parameters.get('tenant') ?? ''} eventType=${parameters.get('event_type') ?? ''} canChange />`;
}

/**
 * Asks which endpoints receive an event, and shows why.
 *
 * @param {{ tenant: string, eventType: string, canChange?: boolean }} props canChange: the tenant and the type too
 */
export function Explain({ tenant, eventType, canChange = false }) {
  const [form, setForm] = useState({
    tenant,
    event_type: eventType,
    body: canChange ? '{"id": 42}' : '',
  });
  const [answer, setAnswer] = useState(
    /** @type {RecipientsAnswer & { hasBody: boolean } | undefined} */ (undefined),
  );
  /** @param {keyof typeof form} name */
  const set =
    (name) =>
    (/** @type {{ target: HTMLInputElement }} */ { target }) => {
      setForm({ ...form, [name]: target.value });
      setAnswer(undefined);
    };
  const act = () =>
    post('/events/recipients', {
      tenant: form.tenant.trim(),
      event_type: form.event_type.trim(),
      body: form.body,
    });
  return html`
    <form class="filters boxed" onSubmit=${(event) => event.preventDefault()} aria-label="Who receives an event">
      ${
        canChange &&
        html`<label>Tenant <input value=${form.tenant} placeholder="the application itself" spellcheck="false" onInput=${set('tenant')} /></label>
        <label class="grow">Event type <input value=${form.event_type} placeholder="order.paid" spellcheck="false" onInput=${set('event_type')} /></label>`
      }
      <label class="line">Body <textarea rows="4" value=${form.body} placeholder='{"id": 42}' spellcheck="false" onInput=${set('body')}></textarea></label>
      <div class="actions"><${Action} label="Explain" kind=${canChange ? 'primary' : ''} disabled=${form.event_type.trim() === ''} act=${act}
        onDone=${(/** @type {RecipientsAnswer} */ given) => setAnswer({ ...given, hasBody: form.body.trim() !== '' })} /></div>
    </form>
    ${answer !== undefined && html`<${Answer} ...${answer} />`}`;
}

/** @param {RecipientsAnswer & { hasBody: boolean }} props */
function Answer({ recipients, more, hasBody }) {
  const receiving = recipients.filter(({ receives }) => receives).length;
  if (recipients.length === 0) return html`<p role="status">The tenant has no endpoint.</p>`;
  return html`
    <p role="status">${count(receiving)} of ${count(recipients.length)} ${recipients.length === 1 ? 'endpoint' : 'endpoints'} would receive it now.${more && ' The tenant has more endpoints.'}</p>
    <div class="scroll" tabindex="0" role="group" aria-label="Recipients"><table class="list">
      <thead><tr><th scope="col">Receives it</th><th scope="col">Endpoint</th><th scope="col">Why</th><th scope="col">Subscription</th></tr></thead>
      <tbody>${recipients
        .toSorted((a, b) => Number(b.receives) - Number(a.receives))
        .map(
          (row) => html`<tr key=${row.endpoint_id}>
          <td><${Badge} status=${row.receives ? 'delivered' : row.receives_later ? 'held' : 'cancelled'}>${row.receives ? 'yes' : row.receives_later ? 'later' : isOpen(row, hasBody) ? 'depends' : 'no'}</${Badge}></td>
          <td class="url to"><a href=${`#/endpoints?id=${row.endpoint_id}`}>${cut(row.url, 200)}</a></td>
          <td class="url">${whyText(row, hasBody)}</td>
          <td class="url">${row.subscribed_to !== null && html`<code>${row.subscribed_to}</code>`} ${row.filter !== null && html`<code>${cut(row.filter, 300)}</code>`}</td>
        </tr>`,
        )}</tbody>
    </table></div>`;
}

/** If only the body, which was not given, decides. @param {RecipientRow} row @param {boolean} hasBody */
const isOpen = ({ why }, hasBody) => why === 'body_is_not_json' && !hasBody;

/** @type {Record<string, string>} */
const reasons = {
  subscribed: 'It has subscribed to this type.',
  paused: 'It has subscribed. The webhook waits until the endpoint is resumed.',
  no_subscription: 'None of its subscriptions is for this type.',
  filter_is_false: 'The filter of its subscription does not match the body.',
  filter_has_no_answer:
    'The filter of its subscription does not fit the body: it compares values of different types.',
  body_is_not_json: 'Its subscription has a filter, and the body is not JSON.',
  disabled: 'It has subscribed, but it is disabled.',
};

/** @param {RecipientRow} row @param {boolean} hasBody */
function whyText(row, hasBody) {
  if (isOpen(row, hasBody)) return 'Its subscription has a filter. Paste the body to find out.';
  const why = reasons[row.why] ?? row.why;
  return row.receives_later
    ? `${why} It receives the event when it is enabled and catches up.`
    : why;
}
