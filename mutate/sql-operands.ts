// Pure: no I/O, no clock, no randomness.

import type { Token } from './sql-tokens.ts';

/* How far an operand of a statement reaches, by words alone: what ends it is a word of its own depth that begins something else. */

/** A token and its neighbours. */
export interface Place {
  readonly sql: string;
  readonly tokens: readonly Token[];
  readonly token: Token;
  readonly index: number;
}

/** Words that a predicate does not reach over. */
export const boundaries = new Set(
  `and or where on having when then else end if elsif while loop select from group order limit offset returning for union except
   intersect window set using join left right inner cross full with insert update delete values do return perform begin
   declare exception raise into as asc desc exit continue within filter over`.split(/\s+/),
);

/** The last token of what follows, up to the next boundary of the same depth. */
export function endOfOperand({ tokens, token }: Place, index: number): Token | undefined {
  let last: Token | undefined;
  for (let at = index + 1; at < tokens.length; at++) {
    const now = tokens[at];
    if (now === undefined || now.depth < token.depth) break;
    if (now.depth === token.depth && isBoundary({ tokens, index: at })) break;
    last = now;
  }
  return last;
}

/** Where what comes before begins. */
export function startOfOperand({ tokens, token }: Place, index: number): number | undefined {
  let first: number | undefined;
  for (let at = index - 1; at >= 0; at--) {
    const now = tokens[at];
    if (now === undefined || now.depth < token.depth) break;
    if (now.depth === token.depth && isBoundary({ tokens, index: at })) break;
    first = at;
  }
  return first;
}

function isBoundary({ tokens, index }: { tokens: readonly Token[]; index: number }): boolean {
  const token = tokens[index];
  if (token === undefined) return true;
  if (token.text === ',' || token.text === ';' || token.text === ':=') return true;
  // The functions left() and right(), the columns of a row, and what belongs to `is distinct from` and `between`.
  if (
    tokens[index - 1]?.text === '.' ||
    (isWord(token, 'left', 'right') && tokens[index + 1]?.text === '(')
  )
    return false;
  if (isWord(token, 'from') && isWord(tokens[index - 1], 'distinct')) return false;
  // The one of `case … end`.
  if (isWord(token, 'end') && (tokens[index - 1]?.depth ?? 0) > token.depth) return false;
  if (isWord(token, 'and') && isOfBetween(tokens, index)) return false;
  return token.kind === 'word' && boundaries.has(token.text);
}

/** Whether this `and` is the one of `between a and b`. */
export function isOfBetween(tokens: readonly Token[], index: number): boolean {
  const depth = tokens[index]?.depth ?? 0;
  for (let at = index - 1; at >= 0; at--) {
    const now = tokens[at];
    if (now === undefined || now.depth < depth) return false;
    if (now.depth > depth) continue;
    if (isWord(now, 'between')) return true;
    if (isWord(now, 'and', 'or', 'where', 'on', 'when', 'if', 'select') || now.text === ';')
      return false;
  }
  return false;
}

export function isOperandEnd(token: Token | undefined): boolean {
  if (token === undefined) return false;
  if (token.kind === 'word')
    return !boundaries.has(token.text) && !isWord(token, 'by', 'in', 'not', 'between');
  return (
    token.kind === 'number' ||
    token.kind === 'string' ||
    token.kind === 'parameter' ||
    /^[)\]]$/.test(token.text)
  );
}

export function isWord(token: Token | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text);
}
