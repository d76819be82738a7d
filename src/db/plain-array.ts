/**
 * An array parameter of values that need no quotes: ids, numbers, booleans, names of ours, null.
 *
 * pg's own conversion looks at each element and escapes it, which took 4 to 5 µs of the 60 that a delivery costs the
 * worker; this takes 1. Text that others wrote is none of its business: pg converts that.
 */
export function plainArray(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}
