import { parseStatement } from './sql-file.ts';

/*
 * Reads the scripts of sql/history, which are written for psql, so that they also run where no psql is. Of psql's language it knows
 * what these scripts use: \if with :{?name}, \else, \endif, \set, \warn, and variables as :name and :'name'.
 */

/** A variable that a script takes. */
export interface ScriptVariable {
  readonly name: string;
  /** What it is unless it is given; undefined: it must be given. */
  readonly fallback: string | undefined;
}

/** A statement of a script with its values, as pg takes them: no value becomes a part of the text. */
export interface ScriptStatement {
  readonly text: string;
  readonly values: readonly string[];
}

type Values = ReadonlyMap<string, string>;

/** The variables of a script, in the order in which it asks for them. */
export function variablesOf(script: string): ScriptVariable[] {
  const { values } = readLines(script, new Map());
  const names = new Set(
    [...script.matchAll(/^\s*\\if :\{\?(\w+)\}/gm)].map(([, name = '']) => name),
  );
  return [...names].map((name) => ({ name, fallback: values.get(name) }));
}

/**
 * The statements of a script, with these values for its variables. Those that begin and end a transaction are left out: the caller
 * has one.
 *
 * @throws when a variable that the script uses has no value, or the script is written in a way that this does not understand.
 */
export function statementsOf(
  script: string,
  given: Readonly<Record<string, string>>,
): ScriptStatement[] {
  const { text, values } = readLines(script, new Map(Object.entries(given)));
  return splitStatements(text).map((statement) => {
    const parsed = parseStatement(statement);
    return { text: parsed.text, values: parsed.parameters.map((name) => valueIn(name, values)) };
  });
}

function valueIn(name: string, values: Values): string {
  const value = values.get(name);
  if (value === undefined) throw new Error(`The script uses :${name}, which has no value`);
  return value;
}

/** What psql would send to the server, and the values of the variables at the end. */
function readLines(script: string, given: Values): { text: string; values: Values } {
  const values = new Map(given);
  /** Whether the lines of each \if that is open count. */
  const branches: boolean[] = [];
  const lines: string[] = [];
  for (const line of script.split('\n')) {
    const [, command = '', rest = ''] = /^\s*\\(\w+)\s*(.*)$/.exec(line) ?? [];
    if (command === 'if') {
      const [, name] = /^:\{\?(\w+)\}$/.exec(rest) ?? [];
      if (name === undefined) throw new Error(`Unknown condition of a script: ${line}`);
      branches.push(values.has(name));
    } else if (command === 'else') {
      branches.push(branches.pop() === false);
    } else if (command === 'endif') {
      branches.pop();
    } else if (branches.includes(false)) {
      // The other branch is taken.
    } else if (command === 'set') {
      const [, name = '', value = ''] = /^(\w+)\s*(.*)$/.exec(rest) ?? [];
      values.set(name, value.replace(/^'(.*)'$/, '$1'));
    } else if (command === '') {
      lines.push(line);
    } else if (command !== 'warn') {
      throw new Error(`Unknown command of a script: ${line}`);
    }
  }
  return { text: lines.join('\n'), values };
}

/** Text that only looks like something, because it is a comment, a string, a name or a cast; a variable; the end of a statement. */
const pieces =
  /(?<comment>--.*)|'(?:[^']|'')*'|"(?:[^"]|"")*"|::|:'[a-z_]\w*'|:(?<bare>[a-z_]\w*)|(?<end>;)/g;

/** Splits at semicolons. Each :name becomes :'name', because all variables are sent as parameters. */
function splitStatements(text: string): string[] {
  const statements: string[] = [];
  let statement = '';
  let from = 0;
  for (const { 0: piece, index, groups = {} } of text.matchAll(pieces)) {
    statement += text.slice(from, index);
    from = index + piece.length;
    if (groups['end'] !== undefined) {
      statements.push(statement.trim());
      statement = '';
    } else if (groups['bare'] !== undefined) {
      statement += `:'${groups['bare']}'`;
    } else if (groups['comment'] === undefined) {
      statement += piece;
    }
  }
  statements.push((statement + text.slice(from)).trim());
  return statements.filter((one) => one !== '' && !/^(begin( read only)?|commit)$/i.test(one));
}
