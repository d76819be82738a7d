// Pure: no I/O, no clock, no randomness.

import {
  boundaries,
  endOfOperand,
  isOfBetween,
  isOperandEnd,
  isWord,
  type Place,
  startOfOperand,
} from './sql-operands.ts';
import { type Token, tokensOf } from './sql-tokens.ts';

/** A change of a text. */
export interface Change {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  readonly after: string;
}

/** The changes of these statements or this definition, in the order of the text. Some of them Postgres will refuse. */
export function changesOf(sql: string): Change[] {
  const tokens = tokensOf(sql);
  const changes = tokens.flatMap((token, index) => {
    const place = { sql, tokens, token, index };
    return mutators.flatMap((mutator) => mutator(place));
  });
  const seen = new Set<string>();
  return changes
    .filter((change) => {
      const key = `${change.start} ${change.end} ${change.after}`;
      return !seen.has(key) && seen.add(key);
    })
    .sort((a, b) => a.start - b.start || a.end - b.end);
}

type Mutator = (place: Place) => Change[];

const mutators: readonly Mutator[] = [
  dropOfChain,
  dropOnly,
  dropLimit,
  dropLock,
  dropSkipLocked,
  dropDistinct,
  dropNot,
  swapWord,
  swapNullness,
  swapOperator,
  swapUnion,
  swapOrder,
  swapCoalesced,
  changeNumber,
];

/** One of `a and b or c`, with its conjunction. */
function dropOfChain(place: Place): Change[] {
  const { token, tokens, index } = place;
  if (!isWord(token, 'and', 'or') || isOfBetween(tokens, index)) return [];
  if (isWord(tokens[index + 1], 'replace')) return [];
  const last = endOfOperand(place, index);
  const first = startOfOperand(place, index);
  const changes: Change[] = [];
  if (last !== undefined) changes.push(dropped('drop predicate', token, last));
  const before = first === undefined ? undefined : tokens[first - 1];
  // Others of the chain are the right side of their own conjunction.
  if (first !== undefined && !isWord(before, 'and', 'or')) {
    const start = tokens[first];
    const next = tokens[index + 1];
    if (start !== undefined && next !== undefined) {
      changes.push({ kind: 'drop predicate', start: start.start, end: next.start, after: '' });
    }
  }
  return changes;
}

/** The only predicate of a clause. */
function dropOnly(place: Place): Change[] {
  const { sql, token, tokens, index } = place;
  if (!isWord(token, 'where', 'on', 'having', 'when', 'if', 'elsif')) return [];
  const last = endOfOperand(place, index);
  const first = tokens[index + 1];
  if (last === undefined || first === undefined || isWord(first, 'true')) return [];
  const next = tokens[tokens.indexOf(last) + 1];
  // Those of a chain are dropped one by one.
  if (isWord(next, 'and', 'or') && next?.depth === token.depth) return [];
  if (isWord(token, 'when', 'if', 'elsif') && !isWord(next, 'then')) return [];
  const predicate = sql.slice(first.start, last.end);
  // Neither `on conflict` nor `on table` nor `case value when 1 then`.
  const isCompared = /[=<>~]|\b(?:is|in|not|exists|like|between)\b/.test(predicate);
  const isName = /^[a-z_]\w*(?:\.\w+)?$/.test(predicate);
  if (isWord(token, 'on') && (!isCompared || isWord(first, 'conflict'))) return [];
  if (isWord(token, 'when') && !isCompared && !isName) return [];
  return [{ kind: 'drop predicate', start: first.start, end: last.end, after: 'true' }];
}

function dropLimit(place: Place): Change[] {
  if (!isWord(place.token, 'limit')) return [];
  const last = endOfOperand(place, place.index);
  return last === undefined ? [] : [dropped('drop limit', place.token, last)];
}

const lockClause =
  /for\s+(?:no\s+key\s+update|update|key\s+share|share)(?:\s+of\s+\w+(?:\s*,\s*\w+)*)?(?:\s+skip\s+locked|\s+nowait)?(?![\w$])/iy;

function dropLock({ sql, token }: Place): Change[] {
  if (!isWord(token, 'for')) return [];
  lockClause.lastIndex = token.start;
  const clause = lockClause.exec(sql)?.[0];
  if (clause === undefined) return [];
  return [{ kind: 'drop lock', start: token.start, end: token.start + clause.length, after: '' }];
}

function dropSkipLocked({ token, tokens, index }: Place): Change[] {
  const next = tokens[index + 1];
  if (!isWord(token, 'skip') || next === undefined || !isWord(next, 'locked')) return [];
  return [dropped('drop skip locked', token, next)];
}

function dropDistinct({ token, tokens, index }: Place): Change[] {
  if (!isWord(token, 'distinct') || isWord(tokens[index - 1], 'is', 'not')) return [];
  const isOn = isWord(tokens[index + 1], 'on');
  const last = isOn ? closing(tokens, index + 2) : token;
  return last === undefined ? [] : [dropped('drop distinct', token, last)];
}

function dropNot({ token, tokens, index }: Place): Change[] {
  const [before, next] = [tokens[index - 1], tokens[index + 1]];
  if (!isWord(token, 'not') || next === undefined) return [];
  if (isWord(before, 'is', 'if', 'as') || isWord(next, 'null', 'materialized', 'valid')) return [];
  return [{ kind: 'drop not', start: token.start, end: next.start, after: '' }];
}

const swappedWords: Readonly<Record<string, string>> = {
  least: 'greatest',
  greatest: 'least',
  min: 'max',
  max: 'min',
  true: 'false',
  false: 'true',
};

function swapWord({ token, tokens, index }: Place): Change[] {
  const after = token.kind === 'word' ? swappedWords[token.text] : undefined;
  if (after === undefined || tokens[index - 1]?.text === '.') return [];
  if (!isWord(token, 'true', 'false') && tokens[index + 1]?.text !== '(') return [];
  // A join without a condition has nothing to swap.
  if (isWord(token, 'true') && isWord(tokens[index - 1], 'on')) return [];
  return [{ kind: `swap ${token.text}`, start: token.start, end: token.end, after }];
}

/** `is null` and `is not null`, `is distinct from` and `is not distinct from`. */
function swapNullness({ token, tokens, index }: Place): Change[] {
  if (!isWord(token, 'is')) return [];
  const [next, second] = [tokens[index + 1], tokens[index + 2]];
  if (next === undefined) return [];
  if (isWord(next, 'null', 'distinct')) {
    return [{ kind: 'swap is not', start: token.start, end: token.end, after: 'is not' }];
  }
  if (isWord(next, 'not') && isWord(second, 'null', 'distinct')) {
    return [{ kind: 'swap is not', start: token.start, end: next.end, after: 'is' }];
  }
  return [];
}

const swappedOperators: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '=': '<>',
  '<>': '=',
  '+': '-',
  '-': '+',
};

function swapOperator(place: Place): Change[] {
  const { token, tokens, index } = place;
  const after = token.kind === 'operator' ? swappedOperators[token.text] : undefined;
  if (after === undefined) return [];
  if (token.text === '=' && isAssignment(place)) return [];
  if ((token.text === '+' || token.text === '-') && !isOperandEnd(tokens[index - 1])) return [];
  return [{ kind: `swap ${token.text}`, start: token.start, end: token.end, after }];
}

function swapUnion({ token, tokens, index }: Place): Change[] {
  if (!isWord(token, 'union')) return [];
  const next = tokens[index + 1];
  return isWord(next, 'all') && next !== undefined
    ? [{ kind: 'swap union', start: token.start, end: next.end, after: 'union' }]
    : [{ kind: 'swap union', start: token.start, end: token.end, after: 'union all' }];
}

/** Turns the direction of each item of an `order by`. */
function swapOrder(place: Place): Change[] {
  const { token, tokens, index } = place;
  if (!isWord(token, 'order') || !isWord(tokens[index + 1], 'by')) return [];
  const changes: Change[] = [];
  for (let at = index + 2; at < tokens.length; at++) {
    const [now, next] = [tokens[at], tokens[at + 1]];
    if (now === undefined || now.depth < token.depth || isEndOfOrder(now)) break;
    if (now.depth > token.depth || now.text === ',') continue;
    if (isWord(now, 'desc', 'asc')) {
      const after = now.text === 'desc' ? 'asc' : 'desc';
      changes.push({ kind: 'swap order', start: now.start, end: now.end, after });
      continue;
    }
    const ends =
      next === undefined || next.depth < token.depth || next.text === ',' || isEndOfOrder(next);
    if (ends && !isWord(now, 'first', 'last', 'nulls')) {
      changes.push({ kind: 'swap order', start: now.end, end: now.end, after: ' desc' });
    }
  }
  return changes;
}

function isEndOfOrder(token: Token): boolean {
  return (
    token.text === ';' ||
    isWord(token, 'limit', 'offset', 'for', 'union', 'loop', 'rows', 'range', 'on')
  );
}

/** The first two arguments of `coalesce`. */
function swapCoalesced({ sql, token, tokens, index }: Place): Change[] {
  if (!isWord(token, 'coalesce') || tokens[index + 1]?.text !== '(') return [];
  const depth = token.depth + 1;
  const commas = [];
  let at = index + 2;
  for (; at < tokens.length && (tokens[at]?.depth ?? 0) >= depth; at++) {
    if (tokens[at]?.text === ',' && tokens[at]?.depth === depth) commas.push(at);
  }
  const comma = commas[0];
  if (comma === undefined) return [];
  const [firstFrom, firstTo] = [tokens[index + 2], tokens[comma - 1]];
  const [secondFrom, secondTo] = [tokens[comma + 1], tokens[(commas[1] ?? at) - 1]];
  if (!firstFrom || !firstTo || !secondFrom || !secondTo) return [];
  const first = sql.slice(firstFrom.start, firstTo.end);
  const second = sql.slice(secondFrom.start, secondTo.end);
  const after = second + sql.slice(firstTo.end, secondFrom.start) + first;
  return [{ kind: 'swap coalesce', start: firstFrom.start, end: secondTo.end, after }];
}

/** One more; a constant that stands for a type, such as `numeric(10, 2)`, is left alone. */
function changeNumber({ token, tokens, index }: Place): Change[] {
  if (token.kind !== 'number') return [];
  if (tokens[index - 1]?.text === '(' && isWord(tokens[index - 2], 'numeric', 'varchar', 'char'))
    return [];
  const after = token.text.includes('.') ? `${token.text}1` : String(BigInt(token.text) + 1n);
  return [{ kind: 'change number', start: token.start, end: token.end, after }];
}

function dropped(kind: string, first: Token, last: Token): Change {
  return { kind, start: first.start, end: last.end, after: '' };
}

/** Whether this `=` assigns: in the list of an update, in a setting, or as a default. */
function isAssignment({ tokens, index, token }: Place): boolean {
  for (let at = index - 1; at >= 0; at--) {
    const now = tokens[at];
    if (now === undefined || now.depth < token.depth) return false;
    if (now.depth > token.depth || now.kind !== 'word') continue;
    if (now.text === 'set' || (now.text === 'using' && isRaise(tokens, at))) return true;
    if (boundaries.has(now.text) || now.text === 'not') return false;
  }
  return false;
}

function isRaise(tokens: readonly Token[], index: number): boolean {
  for (let at = index - 1; at >= 0 && tokens[at]?.text !== ';'; at--) {
    if (isWord(tokens[at], 'raise')) return true;
  }
  return false;
}

function closing(tokens: readonly Token[], open: number): Token | undefined {
  const depth = tokens[open]?.depth;
  return tokens.slice(open + 1).find((token) => token.depth === depth && token.text === ')');
}
