import { html } from '/dashboard/vendor/preact.js';
import { query } from './api.js';
import { age, clock, count, cut, dueIn, tenantText } from './format.js';
import { Badge, useAnswer } from './parts.js';

/** @import { HeldBack as Row } from './answers.ts' */

/** Why something is held back. @type {Record<string, string>} */
const reasons = {
  breaker: 'failed several times in a row',
  origin_breaker: 'nothing there answered several times in a row',
  throttled: 'told Posthorn to wait (429 or 503)',
  retry_of_the_first: 'takes webhooks in order, and the first waits for its retry',
  endpoint_paused: 'paused by you',
  endpoint_disabled: 'disabled',
  catching_up: 'takes webhooks in order, and first gets what it missed',
  no_answer: 'gives no answer, so it keeps few slots',
  failing: 'answers with nothing but failures, so it keeps few slots',
  limit: 'uses all that its own limits allow',
  full: 'has as many unfinished webhooks as its own limit allows',
  slots: 'uses all slots that it has earned',
  share: 'has its share of a worker that is nearly full',
  unproven: 'has not answered lately, and others like it use the slots',
};
const isProbed = new Set(['breaker', 'origin_breaker']);

/** What is held back now; nothing if nothing is. */
export function HeldBack() {
  const { data } = useAnswer('/held-back?limit=20', 5_000);
  if (data === undefined || data.held_back.length === 0) return null;
  return html`<section class="held-back" aria-labelledby="held-back-title">
    <h2 id="held-back-title">Held back</h2>
    <div class="scroll" tabindex="0" role="group" aria-label="Held back"><table>
      <thead><tr><th scope="col">What</th><th scope="col">Why</th><th scope="col">Since</th><th scope="col">Until</th><th scope="col" class="number">In flight</th></tr></thead>
      <tbody>${data.held_back.map((row) => html`<${Line} row=${row} />`)}</tbody>
    </table></div>
    ${data.more && html`<p class="muted">There are more. List them: <code>posthorn held-back --limit 1000</code></p>`}
  </section>`;
}

/** @param {{ row: Row }} props */
function Line({ row }) {
  const { level, reason, since, until, last_error: error } = row;
  return html`<tr>
    <th scope="row" class="url"><${Badge} status="held">${level}</${Badge}> <${Name} row=${row} /></th>
    <td>${reasons[reason] ?? reason}${error !== null && html` <span class="muted">(${error})</span>`}</td>
    <td title=${clock(since)}>${age(since)}</td>
    <td>${until === null ? '' : html`<span title=${clock(until)}>${isProbed.has(reason) ? 'next probe ' : ''}${dueIn(until)}</span>`}</td>
    <td class="number">${load(row)}</td>
  </tr>`;
}

/**
 * Each worker has slots of its own, so what several of them hold back is listed several times. A tenant that is at its own limits has
 * slots left, which would mislead.
 *
 * @param {Row} row
 */
function load({ reason, in_flight: inFlight, slots, worker }) {
  if (worker === null) return '';
  return `${count(inFlight)}${reason === 'limit' ? '' : ` of ${count(slots)}`} on worker ${worker}`;
}

/** @param {{ row: Row }} props */
function Name({ row: { level, name, tenant, endpoint_id: id } }) {
  const text = level === 'tenant' ? tenantText(name ?? '') : cut(name ?? '(not known)', 200);
  if (id !== null) return html`<a href=${`#/endpoints${query({ id })}`}>${text}</a>`;
  if (level === 'tenant') return html`<a href=${`#/endpoints${query({ tenant })}`}>${text}</a>`;
  return text;
}
