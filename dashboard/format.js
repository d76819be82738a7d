// Numbers and times for people.

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
  if (ms < 10) return `${tenths.format(ms)} ms`;
  if (ms < 1_000) return `${whole.format(ms)} ms`;
  return seconds(ms / 1_000);
}

/** @param {number | null | undefined} s */
export function seconds(s) {
  if (s === null || s === undefined) return '–';
  if (s < 60) return `${s < 10 ? tenths.format(s) : whole.format(s)} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3_600)} h ${Math.floor((s % 3_600) / 60)} min`;
  return `${Math.floor(s / 86_400)} days`;
}

/** @param {string | null | undefined} time */
export function ago(time) {
  if (time === null || time === undefined) return '–';
  const s = (Date.now() - Date.parse(time)) / 1_000;
  return s < 0 ? `in ${seconds(-s)}` : s < 1 ? 'now' : `${seconds(s)} ago`;
}

/** @param {string | null | undefined} time */
export function clock(time) {
  if (time === null || time === undefined) return '–';
  const at = new Date(time);
  const day =
    at.toDateString() === new Date().toDateString() ? '' : `${at.toISOString().slice(0, 10)} `;
  return `${day}${at.toLocaleTimeString('en-GB')}`;
}

/** The same to the millisecond. @param {string | null | undefined} time */
export const moment = (time) =>
  time === null || time === undefined
    ? '–'
    : `${clock(time)}.${String(new Date(time).getMilliseconds()).padStart(3, '0')}`;

/** Text from strangers, cut. It is only ever put into text nodes. @param {string} text @param {number} most */
export const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);

/** The end of an id tells ids of one moment apart. @param {string} id */
export const shortId = (id) => `${id.slice(0, 8)}…${id.slice(-6)}`;
