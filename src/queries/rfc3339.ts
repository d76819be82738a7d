/** The first and the last moment that RFC 3339 can express. */
const first = '0001-01-01T00:00:00.000Z';
const last = '9999-12-31T23:59:59.999Z';

/**
 * Converts a Postgres time in UTC, as DateStyle ISO or JSON prints it, to RFC 3339 with ms. Postgres knows years before
 * Christ, years of five and six digits, and infinity: these become the nearest time that RFC 3339 can express, so that
 * one odd row does not make a list fail.
 */
export function toRfc3339(value: string): string {
  if (value === '-infinity' || value.endsWith(' BC')) return first;
  if (value === 'infinity' || /^\d{5}/.test(value)) return last;
  // In Postgres' notation, Date would read the year 1 as 2001.
  return new Date(value.replace(' ', 'T').replace(/\+00(:00)?$/, 'Z')).toISOString();
}
