// Pure: no I/O, no clock, no randomness.

/** The maximum length of a URL in bytes, as in the CHECK on the outbox. */
export const maxUrlBytes = 2_048;

/** Normalises a URL as browsers do. The API and the CLI store it like this. Undefined: it is not a URL. */
export function normalisedUrl(text: string): string | undefined {
  return URL.parse(text)?.href;
}

/**
 * The forms in which a stored webhook may have this URL, without the query: as given, which is how SQL stores it, and
 * normalised, if that differs.
 */
export function urlForms(text: string): readonly [string, ...string[]] {
  const given = withoutQuery(text);
  const normalised = withoutQuery(normalisedUrl(text) ?? text);
  const isOther = normalised !== given && Buffer.byteLength(normalised) <= maxUrlBytes;
  return isOther ? [given, normalised] : [given];
}

function withoutQuery(url: string): string {
  return url.replace(/\?.*$/s, '');
}
