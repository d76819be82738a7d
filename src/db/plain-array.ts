/**
 * Writes an array parameter whose values need no quotes: ids, numbers, booleans, names of ours, null. pg's own
 * conversion looks at each element and escapes it, which took 4 to 5 µs of the 60 µs that a delivery costs the worker;
 * this takes 1 µs. Do not use it for text from outside: pg converts that.
 */
export function plainArray(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}
