import { html } from '/dashboard/vendor/preact.js';
import { post, query } from './api.js';
import { age, ago, clock, count, cut, milliseconds, moment, tenantText } from './format.js';
import { Action, Badge, Loading, Snippet, Trouble, useAnswer } from './parts.js';

/** @import { Attempt, FoundWebhook } from './answers.ts' */
/** @import { Markup } from '/dashboard/vendor/preact.js' */

/** What a pending webhook waits for. @type {Record<string, string>} */
const waits = {
  slot: 'Next in line. It is sent when its endpoint and a worker have a free slot.',
  origin_slots:
    'Waiting for a slot of its scheme, host and port, which a worker holds back so that others have room.',
  tenant_slots:
    'Waiting for a slot of its tenant, which a worker holds back so that others have room.',
  breaker:
    'Waiting for its endpoint, which failed several times in a row. Posthorn sends it one webhook at a time as a probe until one succeeds.',
  origin_breaker:
    'Waiting because nothing at its scheme, host and port answered several times in a row. Posthorn sends one webhook at a time there as a probe until one is answered.',
  retry_of_the_first:
    'Waiting for the webhook before it, because its endpoint takes webhooks in order.',
  endpoint_paused: 'Its endpoint is paused by you. Resume the endpoint to send it.',
  endpoint_disabled: 'Its endpoint is disabled. Enable the endpoint to send it.',
  catching_up:
    'Waiting until its endpoint has caught up, because the endpoint takes webhooks in order and older ones are still being added.',
};
const mostShown = 4_000;

/** @param {{ id: string }} props */
export function Webhook({ id }) {
  const { data: webhook, problem, again } = useAnswer(`/webhooks/${encodeURIComponent(id)}`, 3_000);
  if (webhook === undefined) {
    return html`<p><a href="#/webhooks">← Webhooks</a></p><h1><span class="id">${id}</span></h1><${Trouble} problem=${problem} />${problem === undefined && html`<${Loading} />`}`;
  }
  const { status } = webhook;
  const canCancel = status === 'pending';
  const isDelivered = status === 'delivered';
  const thing = `To ${cut(webhook.url ?? '(the endpoint was deleted)', 200)}`;
  const retry = () => post(`/webhooks/${id}/retry`, isDelivered ? { force: true } : {});
  return html`
    <p><a href="#/webhooks">← Webhooks</a></p>
    <div class="bar">
      <h1><${Badge} status=${status} /> <span class="id">${id}</span></h1>
      <div class="actions">
        <${Action} label=${status === 'pending' && webhook.attempt_count === 0 ? 'Send now' : isDelivered ? 'Send again' : 'Retry now'} kind="primary"
          disabled=${status === 'delivering'} act=${retry} onDone=${again}
          confirm=${
            isDelivered
              ? {
                  title: 'Send this webhook again?',
                  thing,
                  text: 'It was already delivered. The receiver gets it again, with the same id.',
                  yes: 'Send it again',
                  no: 'Do not send it',
                }
              : undefined
          } />
        <${Action} label="Cancel webhook" disabled=${!canCancel} act=${() => post(`/webhooks/${id}/cancel`, {})} onDone=${again}
          confirm=${{
            title: 'Cancel this webhook?',
            thing,
            text: 'Posthorn does not send it any more. You can still send it later with "Retry now".',
            yes: 'Cancel the webhook',
            no: 'Keep the webhook',
            isHarmful: true,
          }} />
      </div>
    </div>
    <${Trouble} problem=${problem} />
    <${State} webhook=${webhook} />
    <div class="columns wide">
      <section aria-labelledby="request"><h2 id="request">Request</h2><${Request} webhook=${webhook} /></section>
      <section aria-labelledby="timeline"><h2 id="timeline">Timeline</h2><${Timeline} webhook=${webhook} /></section>
    </div>`;
}

/** @param {{ webhook: FoundWebhook }} props */
function State({ webhook }) {
  const { status, next_attempt_at: next, finished_at: ended } = webhook;
  if (status === 'delivering') return html`<p class="state">It is being sent now.</p>`;
  if (status === 'pending') {
    const isFirst = webhook.attempt_count === 0;
    return html`<p class="state">${waitText(webhook)}${next !== null && html` ${dueText(next, isFirst)}.`}</p>`;
  }
  if (status === 'delivered')
    return html`<p class="state">Delivered ${ago(ended)} by attempt ${webhook.attempt_count}.</p>`;
  if (status === 'cancelled')
    return html`<p class="state">It was cancelled ${ago(ended)}. It is not sent unless you retry it.</p>`;
  return html`<p class="state">It failed ${ago(ended)}${webhook.reason !== null && html`: <b>${webhook.reason}</b>`}. Posthorn does not try it again unless you retry it.</p>`;
}

/** @param {FoundWebhook} webhook */
function waitText({ waits_for: reason, attempt_count: attempts, last_status_code: code }) {
  if (reason === 'due_time') return attempts === 0 ? 'Scheduled.' : 'Waiting for retry.';
  if (reason === 'throttled') {
    return `Told to wait by the receiver (${code === 429 || code === 503 ? code : '429 or 503'}).`;
  }
  return waits[reason ?? ''] ?? `Waiting for ${reason ?? 'its turn'}.`;
}

/** @param {string} next @param {boolean} isFirst */
function dueText(next, isFirst) {
  if (Date.parse(next) <= Date.now())
    return html`It has been due for <b>${age(next)}</b>, since ${clock(next)}`;
  return html`${isFirst ? 'The first attempt is' : 'The next attempt is'} <b>${ago(next)}</b>, at ${clock(next)}`;
}

/** @param {{ webhook: FoundWebhook }} props */
function Request({ webhook }) {
  // All webhooks of an event have its id for their receivers.
  const sentId = webhook.event_id ?? webhook.id;
  const rows = [
    [
      'POST',
      html`<span class="url">${cut(webhook.url ?? '(the endpoint was deleted)', 2_048)}</span>`,
    ],
    [
      'Endpoint',
      webhook.endpoint_id === null
        ? 'not registered'
        : html`<a href=${`#/endpoints?id=${webhook.endpoint_id}`} class="id">${webhook.endpoint_id}</a>`,
    ],
    ...(webhook.event_type === null
      ? []
      : [
          [
            'Event',
            html`<a href=${`#/events/${webhook.event_id}`}>${webhook.event_type}</a> <span class="id">${webhook.event_id}</span>`,
          ],
        ]),
    [
      'Tenant',
      html`<a href=${`#/webhooks${query({ tenant: webhook.tenant })}`}>${tenantText(webhook.tenant)}</a>`,
    ],
    ['Content-Type', webhook.content_type],
    ['webhook-id', html`<span class="id">${sentId}</span>`],
    ['X-Webhook-ID', html`<span class="id">${webhook.id}</span>`],
    [
      'Idempotency-Key',
      html`<span class="id">${cut(webhook.idempotency_key ?? sentId, 255)}</span>`,
    ],
    ['Body', `${count(webhook.body_bytes)} bytes`],
    ['Priority', webhook.priority],
    ['Enqueued', `${clock(webhook.created_at)} (${ago(webhook.created_at)})`],
    ['Send at', webhook.send_at === null ? 'immediately' : clock(webhook.send_at)],
    ['Maximum attempts', webhook.max_attempts ?? 'as in the retry schedule'],
  ];
  const bodies = `select body, headers from posthorn.outbox\nwhere id = '${sentId}';`;
  return html`<dl class="pairs">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
    <details><summary>Body and headers</summary>
      <p>The API never returns bodies, headers or secrets. If you may read the outbox in Postgres, run:</p>
      <${Snippet} text=${bodies} />
    </details>`;
}

/** @param {{ webhook: FoundWebhook }} props */
function Timeline({ webhook }) {
  const { attempts, earlier_outcomes: earlier } = webhook;
  /** @type {{ at: string, node: Markup }[]} */
  const events = [
    { at: webhook.created_at, node: html`<b>Enqueued</b>` },
    ...attempts.map((attempt) => ({
      at: attempt.started_at,
      node: html`<${Attempt} attempt=${attempt} />`,
    })),
    ...earlier.map((outcome) => ({
      at: outcome.replayed_at,
      node: html`<b>Sent again</b> after it had ended as ${outcome.status}`,
    })),
    ...(webhook.finished_at === null
      ? []
      : [
          {
            at: webhook.finished_at,
            node: html`<b>Ended</b> <${Badge} status=${webhook.status} /> ${webhook.reason === webhook.status ? '' : (webhook.reason ?? '')}`,
          },
        ]),
  ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return html`<ol class="timeline">${events.map(({ at, node }) => html`<li><time datetime=${at} title=${at}>${moment(at)}</time><div>${node}</div></li>`)}</ol>`;
}

/** @param {{ attempt: Attempt }} props */
function Attempt({ attempt }) {
  const isOpen = attempt.finished_at === null;
  const code = attempt.status_code;
  const isGood = code !== null && code >= 200 && code < 300;
  const verdict = isOpen ? 'in flight' : (attempt.error ?? code ?? 'no answer');
  const body = attempt.response_body ?? '';
  return html`<b>Attempt ${attempt.number}</b> <${Badge} status=${isOpen ? 'delivering' : isGood ? 'delivered' : 'failed'}>${verdict}</${Badge}>
    <span class="muted">${milliseconds(attempt.duration_ms)}, worker ${attempt.worker}</span>
    ${attempt.error_message !== null && html`<p class="said">${cut(attempt.error_message, 500)}</p>`}
    ${
      body !== '' &&
      html`<details open=${!isGood}><summary>Answer of the receiver: ${attempt.response_truncated ? 'the first ' : ''}${count(body.length)} characters</summary>
      <pre class="answer" tabindex="0">${cut(body, mostShown)}</pre></details>`
    }`;
}
