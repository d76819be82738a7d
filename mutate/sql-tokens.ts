// Pure: no I/O, no clock, no randomness.

/** A piece of SQL that is neither space nor comment. */
export interface Token {
  readonly kind: 'word' | 'number' | 'string' | 'parameter' | 'operator' | 'punctuation' | 'quote';
  /** As it stands in the text; words in lower case. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** How many parentheses, brackets, dollar quotes and `case … end` are open around it. */
  readonly depth: number;
}

const patterns: readonly (readonly [Token['kind'] | 'space', RegExp])[] = [
  ['space', /\s+|--[^\n]*/y],
  ['string', /[eE]'(?:[^'\\]|''|\\[\s\S])*'|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'/y],
  ['word', /(?:[uU]&)?"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y],
  ['parameter', /\$\d+|:'[A-Za-z_]\w*'/y],
  ['quote', /\$(?:[A-Za-z_]\w*)?\$/y],
  ['number', /\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+/y],
  ['punctuation', /[()[\],;]|\.(?!\d)/y],
  ['operator', /::|:=|\.\.|=>|(?:(?!--|\/\*)[-+*/<>=~!@#%^&|`?])+|:/y],
];

/**
 * Reads SQL. What is between dollar quotes is read as SQL too, as the bodies of functions are; the text of strings and comments
 * is left alone.
 *
 * @throws when there is something that it cannot read.
 */
export function tokensOf(sql: string): Token[] {
  const tokens: Token[] = [];
  const open: string[] = [];
  let at = 0;
  while (at < sql.length) {
    if (sql.startsWith('/*', at)) {
      at = endOfComment(sql, at);
      continue;
    }
    const piece = nextPiece(sql, at);
    const start = at;
    at += piece.text.length;
    if (piece.kind === 'space') continue;
    const text = piece.kind === 'word' ? piece.text.toLowerCase() : piece.text;
    const isClosing = closes(text, open.at(-1));
    if (isClosing) open.pop();
    tokens.push({ kind: piece.kind, text, start, end: at, depth: open.length });
    if (!isClosing && opens({ kind: piece.kind, text, before: tokens.at(-2)?.text }))
      open.push(text);
  }
  return tokens;
}

function closes(text: string, opened: string | undefined): boolean {
  if (opened === '(') return text === ')';
  if (opened === '[') return text === ']';
  if (opened === 'case') return text === 'end';
  return opened !== undefined && text === opened;
}

function opens({
  kind,
  text,
  before,
}: {
  kind: Token['kind'];
  text: string;
  before: string | undefined;
}): boolean {
  // `end case` ends a statement of PL/pgSQL.
  if (text === 'case') return kind === 'word' && before !== 'end' && before !== '.';
  return kind === 'quote' || text === '(' || text === '[';
}

function nextPiece(sql: string, at: number): { kind: Token['kind'] | 'space'; text: string } {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const text = pattern.exec(sql)?.[0];
    if (text !== undefined && text !== '') return { kind, text };
  }
  throw new Error(`Cannot read SQL from ${JSON.stringify(sql.slice(at, at + 40))}`);
}

/** Comments of this kind nest. */
function endOfComment(sql: string, from: number): number {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = from;
  let open = 0;
  for (let mark = marks.exec(sql); mark !== null; mark = marks.exec(sql)) {
    open += mark[0] === '/*' ? 1 : -1;
    if (open === 0) return mark.index + 2;
  }
  return sql.length;
}
