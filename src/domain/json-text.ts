// Pure: no I/O, no clock, no randomness.

/**
 * How deep arrays and objects may be nested; the outermost counts. Deep nesting is an attack on parsers, ours and
 * others'.
 */
const maxDepth = 64;

/** Why a text is refused. */
export type JsonFault = 'invalid_json' | 'not_an_object' | 'too_deep' | 'duplicate_key';

/** The members of an object as written, or the first fault and its place. */
export type JsonObjectText =
  | { readonly ok: true; readonly members: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly fault: JsonFault; readonly detail: string };

/**
 * Reads a JSON object and yields each member's value as a slice of the text.
 *
 * JSON.parse() loses what the writer wrote: integers over 2^53, 1e400, -0, 1.0, duplicate keys and the order of keys
 * like "1". A slice loses nothing. Strict as RFC 8259 (no BOM, comment, trailing comma, NaN), at most 64 levels deep. A
 * duplicate key is refused at the top level and passed through below it. "__proto__" is a name like any other, because
 * the members are a Map.
 */
export function readJsonObject(text: string): JsonObjectText {
  try {
    return { ok: true, members: new Scanner(text).readObject() };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { ok: false, fault: error.fault, detail: error.message };
  }
}

/** The items of an array as written. The text is that of an array, as {@link readJsonObject} has found it in an object. */
export function itemsOf(json: string): readonly string[] {
  const items: string[] = [];
  new Scanner(json).skipArray((item) => items.push(item));
  return items;
}

/** The text of a string in JSON. Most have no escape, and are copied twice as fast as JSON.parse() reads them. */
export function textOf(json: string): string {
  return json.includes('\\') ? String(JSON.parse(json)) : json.slice(1, -1);
}

/** Never leaves this file. */
class Fault extends Error {
  readonly fault: JsonFault;

  constructor(fault: JsonFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

const char = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const word = /true|false|null/y;
const escaped = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y;

/** Walks over a text once: {@link at} is the position, {@link depth} the nesting. */
class Scanner {
  readonly text: string;
  at = 0;
  depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  readObject(): ReadonlyMap<string, string> {
    const members = new Map<string, string>();
    this.skipBlanks();
    const isObject = this.text.charCodeAt(this.at) === char.openBrace;
    if (isObject) {
      this.skipObject((name, value) => {
        if (members.has(name)) {
          throw new Fault(
            'duplicate_key',
            `the key ${JSON.stringify(name.slice(0, 100))} appears twice`,
          );
        }
        members.set(name, value);
      });
    } else {
      this.skipValue();
    }
    this.skipBlanks();
    if (this.at < this.text.length) throw this.unexpected('the end');
    if (!isObject) throw new Fault('not_an_object', 'the outermost value is not an object');
    return members;
  }

  skipValue(): void {
    const code = this.text.charCodeAt(this.at);
    if (code === char.openBrace) this.skipObject();
    else if (code === char.openBracket) this.skipArray();
    else if (code === char.quote) this.skipString();
    else if (!this.skips(number) && !this.skips(word)) throw this.unexpected('a value');
  }

  skipObject(onMember?: (name: string, value: string) => void): void {
    this.skipItems(char.closeBrace, () => {
      const nameAt = this.at;
      if (this.text.charCodeAt(nameAt) !== char.quote) throw this.unexpected('a key in quotes');
      this.skipString();
      const nameEnd = this.at;
      this.skipBlanks();
      if (this.text.charCodeAt(this.at) !== char.colon) throw this.unexpected('a colon');
      this.at += 1;
      this.skipBlanks();
      const valueAt = this.at;
      this.skipValue();
      onMember?.(textOf(this.text.slice(nameAt, nameEnd)), this.text.slice(valueAt, this.at));
    });
  }

  skipArray(onItem?: (value: string) => void): void {
    this.skipItems(char.closeBracket, () => {
      const valueAt = this.at;
      this.skipValue();
      onItem?.(this.text.slice(valueAt, this.at));
    });
  }

  /** Skips the items between brackets or braces, separated by commas. */
  skipItems(close: number, skipItem: () => void): void {
    this.depth += 1;
    if (this.depth > maxDepth) {
      throw new Fault('too_deep', `it is nested deeper than ${maxDepth} levels`);
    }
    this.at += 1;
    this.skipBlanks();
    if (this.text.charCodeAt(this.at) !== close) {
      skipItem();
      this.skipBlanks();
      while (this.text.charCodeAt(this.at) === char.comma) {
        this.at += 1;
        this.skipBlanks();
        skipItem();
        this.skipBlanks();
      }
      if (this.text.charCodeAt(this.at) !== close) {
        throw this.unexpected(`a comma or ${String.fromCharCode(close)}`);
      }
    }
    this.at += 1;
    this.depth -= 1;
  }

  skipString(): void {
    this.at += 1;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      // NaN is not >= 0x20 either: the text ended.
      if (!(code >= 0x20)) throw this.unexpected('a closing quote');
      this.at += 1;
      if (code === char.quote) return;
      if (code === char.backslash && !this.skips(escaped)) throw this.unexpected('an escape');
    }
  }

  skipBlanks(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at += 1;
    }
  }

  skips(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }

  unexpected(expected: string): Fault {
    const found = this.at < this.text.length ? 'something else' : 'the end';
    return new Fault(
      'invalid_json',
      `expected ${expected} at character ${this.at + 1}, but found ${found}`,
    );
  }
}
