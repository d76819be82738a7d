// Pure: no I/O, no clock, no randomness.

/** A drawing with a title for those who do not see it. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  /** CSS beside that of the text. */
  readonly style: string;
  readonly parts: readonly string[];
}

/** As a file. Without background, and its text in a grey that reads on light and dark pages. */
export function svgOf({ width, height, title, style, parts }: Drawing): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 12px sans-serif; fill: #777 }
${style.trim()}
</style>
${parts.join('\n')}
</svg>
`;
}

export function textAt(
  { x, y, anchor = 'start' }: { x: number; y: number; anchor?: 'start' | 'middle' | 'end' },
  text: string,
): string {
  return `<text x="${rounded(x)}" y="${rounded(y)}" text-anchor="${anchor}">${escaped(text)}</text>`;
}

/** A point on a tenth. */
export function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
