import { html } from '/dashboard/vendor/preact.js';
import { fieldsOf, rulesOf, typeOf } from './reference-document.js';

/** @import { Document, Schema } from './reference-document.js' */

/**
 * Text of the document: paragraphs, `code` and [links](…) of Markdown, put into nodes.
 *
 * @param {{ text: string }} props
 */
export const Prose = ({ text }) =>
  text
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim() !== '')
    .map((paragraph) => html`<p class="prose">${inline(paragraph)}</p>`);

/** @param {string} text */
function inline(text) {
  return text.split(/(`[^`]+`|\[[^\]]+\]\([^)\s]+\)|\*\*[^*]+\*\*)/).map((part) => {
    if (/^`.+`$/s.test(part)) return html`<code>${part.slice(1, -1)}</code>`;
    if (/^\*\*.+\*\*$/s.test(part)) return html`<b>${part.slice(2, -2)}</b>`;
    const [, label, address = ''] = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part) ?? [];
    if (label === undefined) return part;
    return /^(https?:\/\/|\/|#)/.test(address) ? html`<a href=${address}>${label}</a>` : label;
  });
}

/**
 * One line for a field or a parameter: name, type, if it is required, rules, default and meaning.
 *
 * @param {{ document: Document, name: string, schema: Schema, isRequired: boolean, depth?: number, place?: string, description?: string }} props
 */
export function Field({ document, name, schema, isRequired, depth = 0, place, description }) {
  const rules = rulesOf(schema);
  return html`<li class=${`field depth-${depth}`}>
    <div class="field-name"><code>${name}</code> ${isRequired && html`<span class="required">required</span>`}</div>
    <div>
      <span class="muted">${place !== undefined && `${place}, `}${typeOf(document, schema)}${rules.length > 0 && html`; ${rules.join(', ')}`}${schema.default !== undefined && html`; default <code>${JSON.stringify(schema.default)}</code>`}</span>
      <${Prose} text=${description ?? schema.description ?? ''} />
    </div>
  </li>`;
}

/** The fields of a body. @param {{ document: Document, schema: Schema | undefined, isAnswer?: boolean }} props */
export function Fields({ document, schema, isAnswer = false }) {
  const rows = fieldsOf(document, schema);
  if (rows.length === 0) {
    return schema === undefined
      ? null
      : html`<p class="muted">${typeOf(document, schema)}${schema.description === undefined ? '' : `: ${schema.description}`}</p>`;
  }
  return html`<ul class="fields">${rows.map(
    (row) =>
      html`<${Field} key=${`${row.depth} ${row.name}`} document=${document} ...${row} isRequired=${row.isRequired && !isAnswer} />`,
  )}</ul>`;
}
