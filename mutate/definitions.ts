// Pure: no I/O, no clock, no randomness.

import { type Token, tokensOf } from './sql-tokens.ts';

/** A function, a trigger or a view, where it is defined for the last time. */
export interface Definition {
  readonly kind: 'function' | 'trigger' | 'view';
  /** Such as `cancel(uuid)`, `outbox_to_queue on outbox`, `webhooks`. */
  readonly name: string;
  readonly file: string;
  /** The statement, without its semicolon. */
  readonly start: number;
  readonly end: number;
  /** The same statement, so written that it takes the place of the one that is there. */
  readonly replacing: (text: string) => string;
}

/** The latest definition of each, of files in the order in which they are applied. */
export function latestDefinitions(
  files: readonly { readonly file: string; readonly text: string }[],
): Definition[] {
  const latest = new Map<string, Definition>();
  for (const { file, text } of files) {
    for (const tokens of statementsOf(tokensOf(text))) {
      const found = definitionOf(tokens);
      if (found === undefined) continue;
      const key = `${found.kind} ${found.name}`;
      latest.delete(key);
      if (found.isDropped) continue;
      const [start, end] = [tokens[0]?.start ?? 0, tokens.at(-1)?.end ?? 0];
      const { kind, name } = found;
      latest.set(key, { kind, name, file, start, end, replacing });
    }
  }
  return [...latest.values()];
}

function replacing(text: string): string {
  return text.replace(/^create\s+(?!or\s)/i, 'create or replace ');
}

function* statementsOf(tokens: readonly Token[]): Generator<Token[]> {
  let statement: Token[] = [];
  for (const token of tokens) {
    if (token.text === ';' && token.depth === 0) {
      // `begin atomic … end` is one statement, though it has semicolons in it.
      if (isOpenAtomic(statement)) {
        statement.push(token);
        continue;
      }
      yield statement;
      statement = [];
    } else {
      statement.push(token);
    }
  }
  yield statement;
}

function isOpenAtomic(statement: readonly Token[]): boolean {
  const isAtomic = statement.some(
    ({ text, depth }, index) =>
      depth === 0 && text === 'atomic' && statement[index - 1]?.text === 'begin',
  );
  return isAtomic && statement.at(-1)?.text !== 'end';
}

function definitionOf(
  tokens: readonly Token[],
): { kind: Definition['kind']; name: string; isDropped: boolean } | undefined {
  const words = tokens.filter(({ text }) => !['or', 'replace', 'if', 'exists'].includes(text));
  const [verb, kind] = words;
  if (verb?.text !== 'create' && verb?.text !== 'drop') return undefined;
  const isDropped = verb.text === 'drop';
  const name = nameAfter(words, 1);
  if (kind?.text === 'view') return { kind: 'view', name, isDropped };
  if (kind?.text === 'trigger') {
    const on = words.findIndex(({ text }) => text === 'on');
    return { kind: 'trigger', name: `${name} on ${nameAfter(words, on)}`, isDropped };
  }
  if (kind?.text !== 'function') return undefined;
  return { kind: 'function', name: `${name}(${argumentTypes(words).join(', ')})`, isDropped };
}

/** Without its schema. */
function nameAfter(words: readonly Token[], index: number): string {
  const isQualified = words[index + 2]?.text === '.';
  return words[index + (isQualified ? 3 : 1)]?.text ?? '';
}

function argumentTypes(words: readonly Token[]): string[] {
  const open = words.findIndex(({ text }) => text === '(');
  const depth = (words[open]?.depth ?? 0) + 1;
  const groups: Token[][] = [[]];
  for (const token of words.slice(open + 1)) {
    if (token.depth < depth) break;
    if (token.text === ',' && token.depth === depth) groups.push([]);
    else groups.at(-1)?.push(token);
  }
  const isDrop = words[0]?.text === 'drop';
  return groups
    .filter((group) => group.length > 0)
    .map((group) => {
      const until = group.findIndex(({ text }) => text === 'default' || text === '=');
      const declared = until === -1 ? group : group.slice(0, until);
      const type = isDrop || declared.length === 1 ? declared : declared.slice(1);
      return type.map(({ text }) => text).join('');
    });
}
