import { html, useState } from '/dashboard/vendor/preact.js';
import { askForKey, hasKey, send } from './api.js';
import { cut, milliseconds } from './format.js';
import { Confirm, errorOf, Snippet } from './parts.js';
import { bodyFault, curlOf, firstDraft, keyOf, requestOf } from './reference-request.js';

/** @import { Operation, Parameter } from './reference-document.js' */
/** @import { Draft } from './reference-request.js' */
/** @typedef {{ isBusy: boolean, answer?: Awaited<ReturnType<typeof send>>, problem?: Error }} State */

/** What was typed stays until the tab is closed, also when a key is asked for in between. @type {Map<string, Draft>} */
const drafts = new Map();
const mostShown = 20_000;
/** These, and those that the document names. */
const headersShown = ['content-type', 'location', 'retry-after', 'x-request-id', 'allow'];

/** Fields for a request, the request as curl, and its answer. @param {{ operation: Operation }} props */
export function Try({ operation }) {
  const [draft, setDraft] = useState(drafts.get(operation.id) ?? firstDraft(operation));
  const [isAsking, setAsking] = useState(false);
  const [state, setState] = useState(/** @type {State} */ ({ isBusy: false }));
  /** @param {Partial<Draft>} changed */
  const change = (changed) => {
    const next = { ...draft, ...changed };
    drafts.set(operation.id, next);
    setDraft(next);
  };
  const run = async () => {
    setAsking(false);
    setState({ isBusy: true });
    try {
      const answer = await send(requestOf(operation, draft));
      setState({ isBusy: false, answer });
    } catch (error) {
      setState({ isBusy: false, problem: errorOf(error) });
    }
  };
  const changes = operation.method !== 'GET' && operation.method !== 'HEAD';
  const shown = requestOf(operation, draft, true);
  const curl = curlOf(shown, {
    origin: location.origin,
    hasKey: hasKey() && !operation.isPublic,
  });
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    if (changes) setAsking(true);
    else run();
  };
  return html`<section class="boxed try" aria-labelledby="try">
    <h2 id="try">Try it</h2>
    <form onSubmit=${submit} onKeyDown=${(event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey))
        event.currentTarget.requestSubmit();
    }}>
      ${operation.parameters.map((parameter) => html`<${Input} key=${keyOf(parameter)} parameter=${parameter} value=${draft.values[keyOf(parameter)] ?? ''} onChange=${(value) => change({ values: { ...draft.values, [keyOf(parameter)]: value } })} />`)}
      ${operation.body !== undefined && html`<${Body} body=${operation.body} draft=${draft} onChange=${change} />`}
      <p class="actions">
        <button class="primary" disabled=${state.isBusy}>${state.isBusy ? 'Sending …' : `Send ${operation.method}`}</button>
        <span class="muted">${changes ? 'It goes to this Posthorn and may change data. You are asked to confirm it.' : 'It goes to this Posthorn and changes nothing.'}</span>
      </p>
    </form>
    ${
      isAsking &&
      html`<${Confirm} question=${{
        title: `Send this ${operation.method} request?`,
        thing: `${operation.method} ${shown.path}`,
        text: 'This Posthorn carries it out. It may change data.',
        yes: `Send ${operation.method}`,
        no: 'Do not send',
      }} onYes=${run} onNo=${() => setAsking(false)} />`
    }
    <div aria-live="polite">
      ${state.problem && html`<p class="trouble">${state.problem.message}</p>`}
      ${state.answer && html`<${Answer} answer=${state.answer} operation=${operation} />`}
    </div>
    <h3>As curl</h3>
    <${Snippet} text=${curl} />
  </section>`;
}

/** @param {{ parameter: Parameter, value: string, onChange: (value: string) => void }} props */
function Input({ parameter, value, onChange }) {
  const { name, place, isRequired, schema, example } = parameter;
  const choices = schema.enum ?? (schema.type === 'boolean' ? ['true', 'false'] : undefined);
  const label = html`<span><code>${name}</code> <span class="muted">${place}${isRequired ? ', required' : ''}</span></span>`;
  if (choices !== undefined) {
    return html`<label>${label} <select value=${value} required=${isRequired} onChange=${(event) => onChange(event.target.value)}>
      <option value="">–</option>
      ${choices.map((/** @type {unknown} */ each) => html`<option value=${String(each)} selected=${String(each) === value}>${String(each)}</option>`)}
    </select></label>`;
  }
  return html`<label>${label} <input value=${value} required=${isRequired} autocomplete="off" spellcheck="false"
    placeholder=${example === undefined ? '' : String(example)} onInput=${(event) => onChange(event.target.value)} /></label>`;
}

/** @param {{ body: NonNullable<Operation['body']>, draft: Draft, onChange: (changed: Partial<Draft>) => void }} props */
function Body({ body, draft, onChange }) {
  const fault = bodyFault(draft);
  const content = body.contents.find(({ type }) => type === draft.type) ?? body.contents[0];
  if (content === undefined) return null;
  const { examples } = content;
  return html`
    ${
      body.contents.length > 1 &&
      html`<label>Content-Type <select value=${draft.type} onChange=${(event) => {
        const chosen = body.contents.find(({ type }) => type === event.target.value);
        onChange({ type: event.target.value, body: chosen?.examples[0]?.text ?? '' });
      }}>${body.contents.map(({ type }) => html`<option value=${type} selected=${type === draft.type}>${type}</option>`)}</select></label>`
    }
    ${
      examples.length > 1 &&
      html`<label>Example <select onChange=${(event) => onChange({ body: examples[Number(event.target.value)]?.text ?? '' })}>
        ${examples.map(({ name, text }, at) => html`<option value=${at} selected=${text === draft.body}>${name}</option>`)}
      </select></label>`
    }
    <label><span>Body <span class="muted">${content.type}</span></span>
      <textarea rows=${Math.min(18, Math.max(4, draft.body.split('\n').length + 1))} spellcheck="false" value=${draft.body}
        aria-describedby="body-fault" onInput=${(event) => onChange({ body: event.target.value })}></textarea></label>
    <p class="muted" id="body-fault">${fault === undefined ? 'Press Ctrl+Enter to send it.' : html`<b>This is not JSON:</b> ${fault}. You can still send it.`}</p>`;
}

/** @param {{ answer: NonNullable<State['answer']>, operation: Operation }} props */
function Answer({ answer, operation }) {
  const { status, statusText, headers, text, tookMs } = answer;
  const badge = status < 300 ? 'delivered' : status < 500 ? 'held' : 'failed';
  const named = operation.answers
    .filter((each) => each.status === String(status))
    .flatMap((each) => each.headers.map((name) => name.toLowerCase()));
  const shown = [...new Set([...headersShown, ...named])].filter((name) => headers.has(name));
  const isJson = /\bjson\b/.test(headers.get('content-type') ?? '');
  return html`<div class="tried">
    <p><span class=${`badge ${badge}`}>${status} ${statusText}</span> <span class="muted">in ${milliseconds(tookMs)}</span></p>
    <dl class="pairs">${shown.map((name) => html`<dt>${name}</dt><dd class="id">${headers.get(name)}</dd>`)}</dl>
    ${text === '' ? html`<p class="muted">The answer has no body.</p>` : html`<pre class="answer" tabindex="0" aria-label="Body of the answer">${cut(isJson ? pretty(text) : text, mostShown)}</pre>`}
    ${status === 401 && html`<p><button type="button" onClick=${askForKey}>Enter a key</button></p>`}
  </div>`;
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
