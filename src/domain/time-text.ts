// Pure: no I/O, no clock, no randomness.

const shape = /^(\d{4})-(\d\d)-(\d\d)t(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:z|([+-])(\d\d):(\d\d))$/i;

const firstMs = 0;
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * Converts an RFC 3339 time to UTC, to the microsecond; undefined: it is not such a time. Times before 1970 or after
 * 9999 become the nearest time in that range, because nothing here lies outside it. An example is the year 1, which
 * stands for "no time" in Go.
 */
export function timeIn(text: string | undefined): string | undefined {
  const match = shape.exec(text ?? '');
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  const [fraction = '', sign = '+', zoneHour = '0', zoneMinute = '0'] = match.slice(7);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isDate = month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  const isTime = hour < 24 && minute < 60 && second <= 60;
  if (!isDate || !isTime || Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;
  const zoneS = (Number(zoneHour) * 3_600 + Number(zoneMinute) * 60) * (sign === '-' ? -1 : 1);
  const ms = date.getTime() + (hour * 3_600 + minute * 60 + second - zoneS) * 1_000;
  // A leap second is the last of a day in UTC.
  if (second === 60 && ms % 86_400_000 !== 0) return undefined;
  if (ms < firstMs) return new Date(firstMs).toISOString();
  const seconds = new Date(Math.min(ms, lastMs)).toISOString().slice(0, 19);
  return `${seconds}.${fraction.slice(0, 6).padEnd(3, '0')}Z`;
}
