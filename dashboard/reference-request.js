// Pure: the request that the fields of "Try it" make.

/** @import { Operation, Parameter } from './reference-document.js' */

/**
 * @typedef {{ values: Record<string, string>, type: string, body: string }} Draft
 * @typedef {{ method: string, path: string, headers: [string, string][], body: string | undefined }} Request
 */

/** What the fields hold at first. @param {Operation} operation @returns {Draft} */
export function firstDraft({ body }) {
  const content = body?.contents[0];
  return { values: {}, type: content?.type ?? '', body: content?.examples[0]?.text ?? '' };
}

/** @param {{ place: string, name: string }} parameter */
export const keyOf = ({ place, name }) => `${place} ${name}`;

/**
 * @param {Operation} operation
 * @param {Draft} draft
 * @param {boolean} [isShown] fills in the examples of required parameters that are not given yet, to be read
 * @returns {Request}
 */
export function requestOf(operation, draft, isShown = false) {
  /** @param {Parameter} parameter */
  const textOf = (parameter) => {
    const given = draft.values[keyOf(parameter)] ?? '';
    if (given !== '' || !isShown || !parameter.isRequired) return given;
    return String(parameter.example ?? `{${parameter.name}}`);
  };
  /** @param {string} place */
  const of = (place) =>
    operation.parameters
      .filter((parameter) => parameter.place === place)
      .map((parameter) => ({ ...parameter, value: textOf(parameter) }));
  let path = operation.path;
  for (const { name, value } of of('path')) {
    const isName = value === `{${name}}`;
    path = path.replace(`{${name}}`, () => (isName ? value : encodeURIComponent(value)));
  }
  const search = new URLSearchParams();
  for (const { name, isRepeated, value } of of('query')) {
    if (value === '') continue;
    for (const each of isRepeated ? value.split(',') : [value]) search.append(name, each.trim());
  }
  /** @type {[string, string][]} */
  const headers = of('header')
    .filter(({ value }) => value !== '')
    .map(({ name, value }) => [name, value]);
  const hasBody = operation.body !== undefined && draft.body.trim() !== '';
  if (hasBody) headers.push(['content-type', draft.type]);
  const text = search.toString();
  return {
    method: operation.method,
    path: text === '' ? path : `${path}?${text}`,
    headers,
    body: hasBody ? draft.body : undefined,
  };
}

/** The same for a terminal. @param {Request} request @param {{ origin: string, hasKey: boolean }} options */
export function curlOf({ method, path, headers, body }, { origin, hasKey }) {
  const parts = [`curl -i${method === 'GET' ? '' : ` -X ${method}`} ${quoted(origin + path)}`];
  if (hasKey) parts.push('-H "Authorization: Bearer $POSTHORN_API_KEY"');
  for (const [name, value] of headers) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body !== undefined) parts.push(`-d ${quoted(body)}`);
  return parts.join(' \\\n  ');
}

/** For a shell. @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** What is wrong with a body that should be JSON; undefined: nothing. @param {Draft} draft */
export function bodyFault({ type, body }) {
  if (!/\bjson\b/.test(type) || body.trim() === '') return undefined;
  try {
    JSON.parse(body);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'it cannot be read';
  }
}
