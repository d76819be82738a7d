import { html, useEffect, useRef, useState } from '/dashboard/vendor/preact.js';
import { tenantText } from './format.js';
import { errorOf } from './parts.js';

// What the lists of events and of webhooks have in common.

/** The periods to choose from, by their hours. @type {Record<string, string>} */
export const periods = { '': 'any time', 1: 'last hour', 24: 'last day', 168: 'last week' };

/**
 * When the chosen period began. It stays as it was when it was chosen, because a cursor belongs to the filter of the page
 * that gave it.
 *
 * @param {string} hours @param {string} key another one: the period is chosen again
 */
export function useFrom(hours, key) {
  const period = useRef({ key: '', from: '' });
  if (period.current.key !== key) {
    const from = hours === '' ? '' : new Date(Date.now() - Number(hours) * 3_600_000).toISOString();
    period.current = { key, from };
  }
  return period.current.from;
}

/** @template Row @typedef {{ rows: readonly Row[], next: string | null }} Page */

/**
 * The newest page of a list, and the older ones that the reader asked for.
 *
 * @template Row
 * @param {{ key: string, newest: Page<Row> | undefined, read: (cursor: string) => Promise<Page<Row>> }} list another key: another list
 */
export function usePages({ key, newest, read }) {
  const [pages, setPages] = useState(
    /** @type {{ key: string, first?: Page<Row> | undefined, more: Row[], next?: string | null | undefined, problem?: Error }} */ ({
      key: '',
      more: [],
    }),
  );
  useEffect(() => setPages({ key: '', more: [] }), [key]);
  // Older pages belong below the first page that they were loaded after: a newer first page would leave a gap.
  const known = pages.key === key ? pages : { key, more: [] };
  const first = known.first ?? newest;
  const next = known.next === undefined ? first?.next : known.next;
  const older = async () => {
    try {
      /** @type {Row[]} */
      let found = [];
      let cursor = next;
      // A page may be short, even empty, and not be the last.
      for (let tries = 0; tries < 20 && cursor && found.length < 50; tries += 1) {
        const page = await read(cursor);
        found = [...found, ...page.rows];
        cursor = page.next;
      }
      setPages({ key, first, more: [...known.more, ...found], next: cursor });
    } catch (error) {
      setPages({ ...known, key, problem: errorOf(error) });
    }
  };
  return { rows: [...(first?.rows ?? []), ...known.more], next, older, problem: known.problem };
}

/** @param {{ next: string | null | undefined, older: () => void, isEmpty: boolean }} props */
export const Older = ({ next, older, isEmpty }) =>
  typeof next === 'string' &&
  html`<p class="actions"><button type="button" onClick=${older}>${isEmpty ? 'Look further back' : 'Older'}</button></p>`;

/** @param {{ label: string, value: string, values: string[], onChange: (value: string) => void }} props */
export function Choice({ label, value, values, onChange }) {
  return html`<label>${label} <select value=${value} onChange=${(event) => onChange(event.target.value)}>
    <option value="" selected=${value === ''}>all</option>
    ${values.map((each) => html`<option value=${each} selected=${each === value}>${each}</option>`)}
  </select></label>`;
}

/** @param {{ value: string, onChange: (value: string) => void }} props */
export function Period({ value, onChange }) {
  return html`<select value=${value} onChange=${(event) => onChange(event.target.value)}>
    ${Object.entries(periods).map(([hours, label]) => html`<option value=${hours} selected=${hours === value}>${label}</option>`)}
  </select>`;
}

/**
 * The filter by tenant. An empty field means all of them, so a link alone chooses the application itself.
 *
 * @param {{ value: string | null, onChange: (value: string | null) => void }} props
 */
export function TenantFilter({ value, onChange }) {
  return html`<label>Tenant <input value=${value ?? ''} placeholder=${value === '' ? tenantText('') : 'all'} spellcheck="false" size="10"
    onChange=${(event) => onChange(event.target.value.trim() === '' ? null : event.target.value.trim())} /></label>`;
}

/** A tenant in a row; the application itself is the usual one, and nothing to read. @param {{ tenant: string }} props */
export const Tenant = ({ tenant }) =>
  tenant === '' ? null : html`<span class="tenant">${tenantText(tenant)}</span>`;

/** A click on a row opens its page, unless it selects text. @param {MouseEvent} event @param {string} hash */
export function openRow({ target }, hash) {
  const isLink = target instanceof Element && target.closest('a') !== null;
  if (isLink || String(getSelection()) !== '') return;
  location.hash = hash;
}
