// Pure: no I/O, no clock, no randomness.

/** The most bytes that a URL may have: the CHECK on the outbox. */
export const mostUrlBytes = 2_048;

/** A URL as browsers write it, which is how the API and the CLI store it; undefined when it is none. */
export function normalisedUrl(text: string): string | undefined {
  return URL.parse(text)?.href;
}

/**
 * How the URL of a stored webhook may be written if this one is meant, without the query: as it was given, which is how
 * SQL stores it, and normalised, if that is another.
 */
export function urlForms(text: string): readonly [string, ...string[]] {
  const given = withoutQuery(text);
  const normalised = withoutQuery(normalisedUrl(text) ?? text);
  const isOther = normalised !== given && Buffer.byteLength(normalised) <= mostUrlBytes;
  return isOther ? [given, normalised] : [given];
}

function withoutQuery(url: string): string {
  return url.replace(/\?.*$/s, '');
}
