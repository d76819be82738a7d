// Numbers, times and words for people.

/** The priorities of webhooks. In the queue each is a number: its place here. src/domain/priority.ts has the same list. */
export const priorities = ['high', 'normal', 'low'];

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** @param {number | null | undefined} value */
export const count = (value) =>
  value === null || value === undefined
    ? '–'
    : value < 100_000
      ? whole.format(value)
      : compact.format(value);

/** @param {number | null | undefined} value */
export const rate = (value) =>
  value === null || value === undefined
    ? '–'
    : value < 100
      ? tenths.format(value)
      : whole.format(value);

/** 0.9987 → 99.87 %; never rounds up to 100. @param {number | null | undefined} ratio */
export function percent(ratio) {
  if (ratio === null || ratio === undefined || Number.isNaN(ratio)) return '–';
  const value = Math.floor(ratio * 10_000) / 100;
  if (Number.isInteger(value)) return `${Math.min(value, 100)} %`;
  return `${value >= 100 ? 100 : value.toFixed(value > 99 ? 2 : 1)} %`;
}

/** @param {number | null | undefined} ms */
export function milliseconds(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 9.95) return `${tenths.format(ms)} ms`;
  if (ms < 999.5) return `${whole.format(ms)} ms`;
  return seconds(ms / 1_000);
}

/**
 * A duration in the two largest units that it has. It is rounded before the units are chosen, so that no value is shown as
 * "60 s", and none is more than a second, a minute or an hour off.
 *
 * @param {number | null | undefined} s
 */
export function seconds(s) {
  if (s === null || s === undefined) return '–';
  if (s < 9.95) return `${tenths.format(s)} s`;
  const rounded = Math.round(s);
  if (rounded < 60) return `${rounded} s`;
  if (rounded < 3_600) return twoUnits(rounded, [60, 'min', 's']);
  const minutes = Math.round(s / 60);
  if (minutes < 2_880) return twoUnits(minutes, [60, 'h', 'min']);
  return twoUnits(Math.round(s / 3_600), [24, 'days', 'h']);
}

/** @param {number} value @param {[number, string, string]} units how many of the small one are a large one, and both */
function twoUnits(value, [size, large, small]) {
  const rest = value % size;
  return `${Math.floor(value / size)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}

/** @param {string | null | undefined} time */
export function ago(time) {
  if (time === null || time === undefined) return '–';
  const s = (Date.now() - Date.parse(time)) / 1_000;
  return s < 0 ? `in ${seconds(-s)}` : s < 1 ? 'just now' : `${seconds(s)} ago`;
}

/** When something is to happen: "in 30 s", or "now" if its time has come. @param {string | null | undefined} time */
export const dueIn = (time) =>
  time === null || time === undefined || Date.parse(time) <= Date.now() ? 'now' : ago(time);

/** For how long something has been so. @param {string | null | undefined} time since when */
export const age = (time) =>
  time === null || time === undefined
    ? '–'
    : seconds(Math.max(0, (Date.now() - Date.parse(time)) / 1_000));

/** In the reader's time zone; with the day, unless that is today. @param {string | null | undefined} time */
export function clock(time) {
  if (time === null || time === undefined) return '–';
  const at = new Date(time);
  const day = at.toDateString() === new Date().toDateString() ? '' : `${dayOf(at)} `;
  return `${day}${at.toLocaleTimeString('en-GB')}`;
}

/** @param {Date} at */
function dayOf(at) {
  /** @param {number} value */
  const two = (value) => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** The time zone of all times that are shown: "Asia/Tokyo (UTC+9)". */
export function timeZone() {
  const minutes = -new Date().getTimezoneOffset();
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const offset = `${minutes < 0 ? '−' : '+'}${hours}${rest === 0 ? '' : `:${String(rest).padStart(2, '0')}`}`;
  const name = new Intl.DateTimeFormat('en').resolvedOptions().timeZone;
  return minutes === 0 && name === 'UTC' ? 'UTC' : `${name} (UTC${minutes === 0 ? '' : offset})`;
}

/** The same to the millisecond. @param {string | null | undefined} time */
export const moment = (time) =>
  time === null || time === undefined
    ? '–'
    : `${clock(time)}.${String(new Date(time).getMilliseconds()).padStart(3, '0')}`;

/** Text from strangers, cut. It is only ever put into text nodes. @param {string} text @param {number} most */
export const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);

/** A tenant by its id. @param {string} tenant */
export const tenantText = (tenant) =>
  tenant === '' ? 'the application itself' : tenant === '*' ? 'all tenants' : cut(tenant, 100);

/** The end of an id tells ids of one moment apart. @param {string} id */
export const shortId = (id) => `${id.slice(0, 8)}…${id.slice(-6)}`;
