// Pure: no I/O, no clock, no randomness.

/**
 * The text of a JSON string, if Postgres can store it as it is: UTF-8 has no lone surrogates, and Postgres no NUL.
 * Undefined for anything else.
 */
export function textOf(json: string): string | undefined {
  if (!json.startsWith('"')) return undefined;
  const text = String(JSON.parse(json));
  return text.isWellFormed() && !text.includes('\0') ? text : undefined;
}
