import { html } from '/dashboard/vendor/preact.js';
import { post } from './api.js';
import { age, ago, clock, count, cut, milliseconds, moment } from './format.js';
import { Action, Badge, Loading, Snippet, Trouble, useAnswer } from './parts.js';

const waitsFor = {
  slot: 'a free slot of its endpoint or of a worker; it is next in turn',
  breaker:
    'its endpoint to answer again: it has failed several times in a row, and one probe per interval finds out',
  throttled: 'the time its receiver asked for (Retry-After)',
  retry_of_the_first: 'the one before it: its endpoint takes webhooks in order',
  endpoint_paused: 'its endpoint to be resumed: somebody has paused it',
  endpoint_disabled: 'its endpoint to be enabled',
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
        <${Action} label=${status === 'pending' ? 'Try now' : isDelivered ? 'Send again' : 'Retry now'} kind="primary"
          disabled=${status === 'delivering'} act=${retry} onDone=${again}
          confirm=${
            isDelivered
              ? {
                  title: 'Send this webhook again?',
                  thing,
                  text: 'It was delivered. The receiver gets it a second time, with the same id.',
                  yes: 'Send it again',
                  no: 'Do not send it',
                }
              : undefined
          } />
        <${Action} label="Cancel webhook" disabled=${!canCancel} act=${() => post(`/webhooks/${id}/cancel`, {})} onDone=${again}
          confirm=${{
            title: 'Cancel this webhook?',
            thing,
            text: 'It is not sent any more. "Retry now" takes that back.',
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

function State({ webhook }) {
  const { status, waits_for: reason, next_attempt_at: next, finished_at: ended } = webhook;
  if (status === 'delivering') return html`<p class="state">It is being sent now.</p>`;
  if (status === 'pending') {
    const isFirst = webhook.attempt_count === 0;
    if (reason === 'due_time' && isFirst) {
      return html`<p class="state">It is scheduled: it is sent <b>${ago(next)}</b>, at ${clock(next)}.</p>`;
    }
    const cause =
      reason === 'due_time' ? 'its next attempt' : (waitsFor[reason] ?? reason ?? 'its turn');
    return html`<p class="state">It waits for ${cause}.${next !== null && html` ${dueText(next, isFirst)}.`}</p>`;
  }
  if (status === 'delivered')
    return html`<p class="state">Delivered ${ago(ended)}, with attempt ${webhook.attempt_count}.</p>`;
  if (status === 'cancelled')
    return html`<p class="state">It was cancelled ${ago(ended)}. It is not sent unless you retry it.</p>`;
  return html`<p class="state">It failed ${ago(ended)}${webhook.reason !== null && html`: <b>${webhook.reason}</b>`}. It is not tried again unless you retry it.</p>`;
}

function dueText(next, isFirst) {
  if (Date.parse(next) <= Date.now())
    return html`It has been due for <b>${age(next)}</b>, since ${clock(next)}`;
  return html`${isFirst ? 'It is sent' : 'It is tried again'} <b>${ago(next)}</b>, at ${clock(next)}`;
}

function Request({ webhook }) {
  const rows = [
    [
      'POST',
      html`<span class="url">${cut(webhook.url ?? '(the endpoint was deleted)', 2_048)}</span>`,
    ],
    [
      'Endpoint',
      webhook.endpoint_id === null
        ? 'none: by URL'
        : html`<a href=${`#/endpoints?id=${webhook.endpoint_id}`} class="id">${webhook.endpoint_id}</a>`,
    ],
    ['Content-Type', webhook.content_type],
    ['webhook-id', html`<span class="id">${webhook.id}</span>`],
    [
      'Idempotency-Key',
      html`<span class="id">${cut(webhook.idempotency_key ?? webhook.id, 255)}</span>`,
    ],
    ['Body', `${count(webhook.body_bytes)} bytes`],
    ['Priority', webhook.priority],
    ['Enqueued', `${clock(webhook.created_at)} (${ago(webhook.created_at)})`],
    ['Send at', webhook.send_at === null ? 'at once' : clock(webhook.send_at)],
    ['Attempts at most', webhook.max_attempts ?? 'by the retry schedule'],
  ];
  const bodies = `select body, headers from posthorn.outbox\nwhere id = '${webhook.id}';`;
  return html`<dl class="pairs">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
    <details><summary>Its body and headers</summary>
      <p>Bodies, headers and secrets are in no answer of the API. Who may read the outbox sees them with</p>
      <${Snippet} text=${bodies} />
    </details>`;
}

function Timeline({ webhook }) {
  const { attempts, earlier_outcomes: earlier = [] } = webhook;
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

function Attempt({ attempt }) {
  const isOpen = attempt.finished_at === null;
  const isGood = attempt.status_code >= 200 && attempt.status_code < 300;
  const verdict = isOpen ? 'under way' : (attempt.error ?? String(attempt.status_code));
  const body = attempt.response_body ?? '';
  return html`<b>Attempt ${attempt.number}</b> <${Badge} status=${isOpen ? 'delivering' : isGood ? 'delivered' : 'failed'}>${verdict}</${Badge}>
    <span class="muted">${milliseconds(attempt.duration_ms)}, worker ${attempt.worker}</span>
    ${attempt.error_message !== null && html`<p class="said">${cut(attempt.error_message, 500)}</p>`}
    ${
      body !== '' &&
      html`<details open=${!isGood}><summary>The receiver answered ${count(body.length)} characters${attempt.response_truncated ? ', cut' : ''}</summary>
      <pre class="answer" tabindex="0">${cut(body, mostShown)}</pre></details>`
    }`;
}
