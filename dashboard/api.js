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

/** As if the API had just wanted one. */
export function askForKey() {
  for (const callback of onRefused) callback();
}

/** @param {string} path @param {RequestInit & { headers: Headers }} options */
function request(path, options) {
  const key = sessionStorage.getItem(keyName);
  if (key !== null) options.headers.set('authorization', `Bearer ${key}`);
  return fetch(path, options).catch((error) => {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, { detail: 'Posthorn does not answer: is the process still running?' });
  });
}

/**
 * @param {string} path
 * @param {{ method?: string, body?: object, signal?: AbortSignal }} [options]
 */
export async function ask(path, { method = 'GET', body, signal } = {}) {
  const headers = new Headers({ accept: 'application/json' });
  if (body !== undefined) headers.set('content-type', 'application/json');
  const response = await request(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  const json = await response.json().catch(() => ({}));
  if (response.ok) return json;
  if (response.status === 401) askForKey();
  throw new Problem(response.status, json);
}

/**
 * A request as somebody wrote it, and its answer as it came, whatever it says.
 *
 * @param {{ method: string, path: string, headers: [string, string][], body: string | undefined }} given
 */
export async function send({ method, path, headers, body }) {
  const startedAt = performance.now();
  let given;
  try {
    given = new Headers(headers);
  } catch {
    throw new Problem(0, { detail: 'A header holds what no header may: it was not sent.' });
  }
  const response = await request(path, { method, headers: given, body, redirect: 'manual' });
  const text = await response.text();
  return {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
    text,
    tookMs: performance.now() - startedAt,
  };
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
