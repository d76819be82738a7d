// What the dashboard knows, it asks the API. A key, where one is needed, is kept for this tab alone.

const keyName = 'posthorn-key';

/** An answer that is a problem (RFC 9457); `message` is its detail. */
export class Problem extends Error {
  /** @param {number} status @param {{ detail?: string, title?: string, code?: string }} body */
  constructor(status, body) {
    super(body.detail ?? body.title ?? `The API answered ${status}`);
    this.status = status;
    this.code = body.code ?? '';
  }
}

export const hasKey = () => sessionStorage.getItem(keyName) !== null;
/** @param {string | null} key */
export const setKey = (key) =>
  key === null ? sessionStorage.removeItem(keyName) : sessionStorage.setItem(keyName, key);

/** @type {Set<() => void>} */
const onRefused = new Set();
/** Calls back whenever the API wants a key. @param {() => void} callback */
export function whenRefused(callback) {
  onRefused.add(callback);
  return () => onRefused.delete(callback);
}

/**
 * @param {string} path
 * @param {{ method?: string, body?: object, signal?: AbortSignal }} [options]
 */
export async function ask(path, { method = 'GET', body, signal } = {}) {
  const key = sessionStorage.getItem(keyName);
  /** @type {Record<string, string>} */
  const headers = { accept: 'application/json' };
  if (key !== null) headers['authorization'] = `Bearer ${key}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const response = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  }).catch((error) => {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, { detail: 'Posthorn does not answer: is the process still running?' });
  });
  const json = await response.json().catch(() => ({}));
  if (response.ok) return json;
  if (response.status === 401) for (const callback of onRefused) callback();
  throw new Problem(response.status, json);
}

/** @param {string} path @param {object} [body] */
export const post = (path, body) =>
  ask(path, { method: 'POST', ...(body === undefined ? {} : { body }) });

/** A query string without what is empty. @param {Record<string, string | number | undefined | null>} values */
export function query(values) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
