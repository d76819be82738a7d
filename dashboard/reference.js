import { html, useEffect, useRef, useState } from '/dashboard/vendor/preact.js';
import { Loading, Snippet, Trouble, useAnswer } from './parts.js';
import { operationsOf, tagsOf } from './reference-document.js';
import { Field, Fields, Prose } from './reference-fields.js';
import { Try } from './reference-try.js';

/** @import { Answer as OperationAnswer, Document, Operation } from './reference-document.js' */
/** @import { Ref } from '/dashboard/vendor/preact.js' */

/** The page "API": all operations, or one of them. @param {{ id: string | undefined, go: (hash: string) => void }} props */
export function Reference({ id, go }) {
  const { data: document, problem } = useAnswer('/openapi.json');
  const [sought, setSought] = useState('');
  if (document === undefined) {
    return html`<h1>API</h1><${Trouble} problem=${problem} />${problem === undefined && html`<${Loading} />`}`;
  }
  const operations = operationsOf(document);
  const words = sought.toLowerCase().split(/\s+/);
  const found = operations.filter(({ text }) => words.every((word) => text.includes(word)));
  const contents = html`<${Contents} document=${document} operations=${found} id=${id} sought=${sought} onSought=${setSought} go=${go} />`;
  if (id === undefined) {
    return html`<div class="reference-start"><${Introduction} document=${document} />${contents}</div>`;
  }
  const operation = operations.find((each) => each.id === id);
  return html`<div class="reference">
    <aside>${contents}</aside>
    <div class="reference-one">
      <p><a href="#/api">← All operations</a></p>
      ${
        operation === undefined
          ? html`<h1>There is no operation "${id}"</h1>`
          : html`<${One} key=${id} document=${document} operation=${operation} />`
      }
    </div>
  </div>`;
}

/** @param {{ document: Document }} props */
function Introduction({ document }) {
  const { title = 'API', version = '', description = '' } = document.info ?? {};
  return html`
    <h1>${title} <span class="muted">${version}</span></h1>
    <div class="lead"><${Prose} text=${description} /></div>
    <p>For code generators and HTTP clients: <a href="/openapi.json">openapi.json</a> (OpenAPI ${document.openapi}).</p>
    <${Snippet} text=${`curl ${location.origin}/openapi.json`} />`;
}

/**
 * @param {{ document: Document, operations: Operation[], id: string | undefined, sought: string, onSought: (sought: string) => void,
 *   go: (hash: string) => void }} props
 */
function Contents({ document, operations, id, sought, onSought, go }) {
  const tags = tagsOf(document, operations).filter(({ name }) =>
    operations.some(({ tag }) => tag === name),
  );
  /** @param {KeyboardEvent & { currentTarget: HTMLElement }} event */
  const step = (event) => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : undefined;
    if (by === undefined) return;
    event.preventDefault();
    /** @type {(EventTarget | null)[]} */
    const stops = [...event.currentTarget.querySelectorAll('#search, a')];
    const next = stops[stops.indexOf(event.target) + by];
    if (next instanceof HTMLElement) next.focus();
  };
  /** @param {KeyboardEvent} event */
  const first = (event) => {
    const [found] = operations;
    if (event.key === 'Enter' && found !== undefined) go(`#/api/${found.id}`);
    if (event.key === 'Escape') onSought('');
  };
  return html`<nav class="contents" aria-label="Operations" onKeyDown=${step}>
    <label class="search"><span class="muted">Search</span>
      <input id="search" type="search" value=${sought} placeholder="replay, /endpoints, cursor …" onInput=${(event) => onSought(event.target.value)} onKeyDown=${first} /></label>
    ${operations.length === 0 && html`<p class="muted" role="status">No operation matches "${sought}".</p>`}
    ${tags.map(
      ({ name, description }) => html`<section key=${name}>
      <h2>${name}</h2>
      ${id === undefined && html`<${Prose} text=${description} />`}
      <ul>${operations
        .filter(({ tag }) => tag === name)
        .map(
          (
            operation,
          ) => html`<li key=${operation.id}><a href=${`#/api/${operation.id}`} aria-current=${operation.id === id ? 'page' : undefined}>
          <${Method} name=${operation.method} /><span class="operation-path">${operation.path}</span><span class="operation-summary">${operation.summary}</span>
          ${id === undefined && html`<${Scope} operation=${operation} />`}
        </a></li>`,
        )}</ul>
    </section>`,
    )}
  </nav>`;
}

/** @param {{ name: string }} props */
const Method = ({ name }) => html`<span class=${`method ${name.toLowerCase()}`}>${name}</span>`;

/** @param {{ operation: Operation }} props */
const Scope = ({ operation: { isSent, isPublic, scope } }) => {
  if (isSent) return html`<span class="badge">sent by Posthorn</span>`;
  if (isPublic) return html`<span class="badge">no key</span>`;
  return scope === '' ? null : html`<span class="badge">scope ${scope}</span>`;
};

/** One operation. Its heading gets the focus, so that the keyboard and screen readers go on there. @param {{ document: Document, operation: Operation }} props */
function One({ document, operation }) {
  /** @type {Ref<HTMLElement>} */
  const heading = useRef(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [operation.id]);
  const { parameters, body, answers } = operation;
  return html`
    <h1 tabindex="-1" ref=${heading}>${operation.summary}</h1>
    <p class="operation-line"><${Method} name=${operation.method} /><code class="operation-path">${operation.path}</code> <${Scope} operation=${operation} />
      ${operation.isDeprecated && html`<span class="badge held">deprecated</span>`}</p>
    <${Prose} text=${operation.description} />
    ${
      parameters.length > 0 &&
      html`<h2>Parameters</h2>
      <ul class="fields">${parameters.map((parameter) => html`<${Field} key=${`${parameter.place} ${parameter.name}`} document=${document} ...${parameter} />`)}</ul>`
    }
    ${body !== undefined && html`<h2>Body ${!body.isRequired && html`<span class="muted">optional</span>`}</h2><${Prose} text=${body.description} />`}
    ${body?.contents.map(({ type, schema }) => html`<p class="muted"><code>${type}</code></p><${Fields} document=${document} schema=${schema} />`)}
    ${!operation.isSent && html`<${Try} operation=${operation} />`}
    <h2>${operation.isSent ? 'Answers of the receiver' : 'Answers'}</h2>
    <ul class="answers">${answers.map((answer) => html`<${Answer} key=${answer.status} document=${document} answer=${answer} />`)}</ul>`;
}

/** What an answer means; if it may be one of several problems, a list of them. @param {{ text: string }} props */
function Meaning({ text }) {
  const given = text.split(/(?<=\.) (?=[a-z0-9_]+: )/);
  const parts = given.flatMap((part) => {
    const found = /^([a-z0-9_]+): (.+)$/s.exec(part);
    return found === null ? [] : [found];
  });
  if (parts.length < given.length) return html`<${Prose} text=${text} />`;
  return html`<ul class="plain">${parts.map(([, code, title]) => html`<li><code>${code}</code> <span class="muted">${title}</span></li>`)}</ul>`;
}

/** @param {{ document: Document, answer: OperationAnswer }} props */
function Answer({ document, answer: { status, description, headers, contents } }) {
  const kind = /^2/.test(status) ? 'delivered' : /^[45]/.test(status) ? 'held' : '';
  return html`<li>
    <span class=${`badge ${kind}`}>${status}</span>
    <div>
      <${Meaning} text=${description} />
      ${headers.length > 0 && html`<p class="muted">Headers: ${headers.map((name) => html`<code>${name}</code> `)}</p>`}
      ${contents.map(
        ({ type, schema, examples }) => html`<details>
          <summary>${type}</summary>
          <${Fields} document=${document} schema=${schema} isAnswer=${true} />
          ${examples.map(({ name, text }) => html`<p class="muted">${name}</p><${Snippet} text=${text} />`)}
        </details>`,
      )}
    </div>
  </li>`;
}
