/** @import { AnswerTo } from './answers.ts' */

// The requests of the dashboard to the API. If the API needs a key, this tab alone keeps it.

const keyName = 'posthorn-key';

/** An answer that is a problem (RFC 9457); `message` is its detail. */
export class Problem extends Error {
  /** @param {number} status @param {{ detail?: string, title?: string, code?: string, errors?: ProblemPart[] }} body */
  constructor(status, body) {
    super(body.detail ?? body.title ?? `The API answered ${status}`);
    this.status = status;
    this.code = body.code ?? '';
    this.errors = body.errors ?? [];
  }
}

/** What is wrong with one field of a request. @typedef {{ pointer?: string, detail: string }} ProblemPart */

export const hasKey = () => sessionStorage.getItem(keyName) !== null;
/** @param {string | null} key */
export const setKey = (key) =>
  key === null ? sessionStorage.removeItem(keyName) : sessionStorage.setItem(keyName, key);

/** @type {Set<() => void>} */
const onRefused = new Set();
/** Calls back when the API refuses a request for want of a key. @param {() => void} callback @returns {() => void} what ends that */
export function whenRefused(callback) {
  onRefused.add(callback);
  return () => {
    onRefused.delete(callback);
  };
}

/** Shows the form for a key, as if the API had just refused a request. */
export function askForKey() {
  for (const callback of onRefused) callback();
}

/** @typedef {{ method: string, headers: Headers, body: string | undefined, signal?: AbortSignal | undefined, redirect?: RequestRedirect }} Options */

/** @param {string} path @param {Options} options @returns {Promise<Response>} */
async function request(path, { signal, body, ...options }) {
  const key = sessionStorage.getItem(keyName);
  if (key !== null) options.headers.set('authorization', `Bearer ${key}`);
  try {
    return await fetch(path, { ...options, body: body ?? null, signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, { detail: 'Posthorn does not answer. Is the process still running?' });
  }
}

/**
 * @param {string} path
 * @param {{ method: string, body?: object | undefined, signal?: AbortSignal | undefined }} options
 * @returns {Promise<unknown>}
 */
async function call(path, { method, body, signal }) {
  const headers = new Headers({ accept: 'application/json' });
  if (body !== undefined) headers.set('content-type', 'application/json');
  const response = await request(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  const json = await response.json().catch(() => undefined);
  if (response.ok && (json !== undefined || response.status === 204)) return json;
  signal?.throwIfAborted();
  if (response.status === 401) askForKey();
  if (!response.ok) throw new Problem(response.status, json ?? {});
  // Posthorn ended while it sent the answer, or a proxy answered with a page of its own.
  throw new Problem(0, { detail: 'The answer is incomplete or did not come from Posthorn.' });
}

/**
 * Asks for what a path of the API shows.
 *
 * @template {string} Path
 * @param {Path} path
 * @param {{ signal?: AbortSignal }} [options]
 */
export async function ask(path, { signal } = {}) {
  return /** @type {AnswerTo<Path>} */ (await call(path, { method: 'GET', signal }));
}

/**
 * Sends a request as somebody wrote it, and returns its answer as it came.
 *
 * @param {{ method: string, path: string, headers: [string, string][], body: string | undefined }} given
 */
export async function send({ method, path, headers, body }) {
  const startedAt = performance.now();
  let given;
  try {
    given = new Headers(headers);
  } catch {
    throw new Problem(0, {
      detail:
        'The request was not sent, because one of its headers has a character that headers must not have.',
    });
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
export const post = (path, body) => call(path, { method: 'POST', body });

/** @param {string} path */
export const remove = (path) => call(path, { method: 'DELETE' });

/**
 * A query string without the values that are empty. An empty tenant stays: it is the application itself.
 *
 * @param {Record<string, string | number | undefined | null>} values @returns {'' | `?${string}`}
 */
export function query(values) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === null) continue;
    if (value !== '' || name === 'tenant') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
